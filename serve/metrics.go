package serve

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the metrics of GET /metrics, with vLLM's names except for the prefix gorgpt_.
type metrics struct {
	server   *Server
	registry *prometheus.Registry

	finished, generated, prompted, refused *prometheus.CounterVec
	first, between, took, waited           *prometheus.HistogramVec
}

// modelMetrics are the metrics of one model.
type modelMetrics struct {
	finished                     *prometheus.CounterVec
	generated, prompted, refused prometheus.Counter
	first, between, took, waited prometheus.Observer
}

// seconds are the bucket bounds of the histograms of times, from a millisecond to some minutes.
var seconds = prometheus.ExponentialBuckets(0.001, 2, 19)

func newMetrics(s *Server) *metrics {
	m := &metrics{server: s, registry: prometheus.NewRegistry()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gorgpt_" + name, Help: help}, append([]string{"model_name"}, labels...))
		m.registry.MustRegister(v)
		return v
	}
	histogram := func(name, help string) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "gorgpt_" + name, Help: help, Buckets: seconds}, []string{"model_name"})
		m.registry.MustRegister(v)
		return v
	}
	m.finished = counter("request_success_total", "Choices that were written to their end, by its reason.", "finished_reason")
	m.generated = counter("generation_tokens_total", "Tokens that were generated.")
	m.prompted = counter("prompt_tokens_total", "Tokens of prompts.")
	m.refused = counter("requests_refused_total", "Requests for which the queue was full.")
	m.first = histogram("time_to_first_token_seconds", "From a request to its first token.")
	m.between = histogram("inter_token_latency_seconds", "From a token of a choice to its next.")
	m.took = histogram("e2e_request_latency_seconds", "From a request to the end of its answer.")
	m.waited = histogram("request_queue_time_seconds", "From a choice to its slot.")
	m.registry.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// of returns the metrics of a model.
func (m *metrics) of(model *Model) *modelMetrics {
	id := model.ID
	return &modelMetrics{
		finished:  m.finished,
		generated: m.generated.WithLabelValues(id), prompted: m.prompted.WithLabelValues(id), refused: m.refused.WithLabelValues(id),
		first: m.first.WithLabelValues(id), between: m.between.WithLabelValues(id), took: m.took.WithLabelValues(id), waited: m.waited.WithLabelValues(id),
	}
}

// token records a token that has just been generated, and returns the time. The request began at began, the previous
// token of the choice came at last, which equals began if there was none, and first is set for the first token of the
// request.
func (m *modelMetrics) token(last, began time.Time, first bool) time.Time {
	now := time.Now()
	switch {
	case first:
		m.first.Observe(now.Sub(began).Seconds())
	case last != began:
		m.between.Observe(now.Sub(last).Seconds())
	}
	return now
}

// Metrics that are read from the engines when they are collected.
var (
	byModel     = []string{"model_name"}
	runningDesc = prometheus.NewDesc("gorgpt_num_requests_running", "Sequences that have a slot.", byModel, nil)
	waitingDesc = prometheus.NewDesc("gorgpt_num_requests_waiting", "Sequences that wait for a slot.", byModel, nil)
	inUseDesc   = prometheus.NewDesc("gorgpt_kv_cache_usage_perc", "Share of the slots that is in use, from 0 to 1.", byModel, nil)
	askedDesc   = prometheus.NewDesc("gorgpt_prefix_cache_queries_total", "Tokens of prompts that were looked for among those that have run.", byModel, nil)
	hitDesc     = prometheus.NewDesc("gorgpt_prefix_cache_hits_total", "Tokens of prompts that had run before.", byModel, nil)
	bytesDesc   = prometheus.NewDesc("gorgpt_prefix_cache_bytes", "Memory that the cache of prefixes takes.", byModel, nil)
)

// Describe implements prometheus.Collector.
func (m *metrics) Describe(all chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{runningDesc, waitingDesc, inUseDesc, askedDesc, hitDesc, bytesDesc} {
		all <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(all chan<- prometheus.Metric) {
	for _, model := range m.server.Models() {
		if model.Engine == nil {
			continue
		}
		gauge := func(d *prometheus.Desc, kind prometheus.ValueType, x float64) {
			all <- prometheus.MustNewConstMetric(d, kind, x, model.ID)
		}
		slots, queued := model.Engine.Status()
		gauge(runningDesc, prometheus.GaugeValue, float64(slots))
		gauge(waitingDesc, prometheus.GaugeValue, float64(queued))
		gauge(inUseDesc, prometheus.GaugeValue, float64(slots)/float64(model.slots))
		u := model.Engine.Prefixes()
		gauge(askedDesc, prometheus.CounterValue, float64(u.Asked))
		gauge(hitDesc, prometheus.CounterValue, float64(u.Found))
		gauge(bytesDesc, prometheus.GaugeValue, float64(u.Bytes))
	}
}

// handler answers GET /metrics.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
