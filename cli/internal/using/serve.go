package using

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/cli/internal/command"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/setting"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/memory"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/serve"
	"github.com/gorgpt/gorgpt/serve/studio"
)

func newServe() *cobra.Command {
	var v service
	cmd := &cobra.Command{
		Use:        "serve --from DIR",
		SuggestFor: []string{"server", "studio", "web"},
		Short:      "Serve models over HTTP with OpenAI's API, and a web page to inspect them",
		Long: `Serve models over HTTP with OpenAI's API, and a web page to inspect them, the studio, at /.

DIR is anything that gorgpt generate accepts, or a classifier made by gorgpt finetune. Its name for
clients is that of the folder, the file or the run, or NAME if given as NAME=DIR.

  POST /v1/completions, /v1/chat/completions, /v1/embeddings       GET /v1/models
  POST /tokenize, /detokenize, /classify                           GET /tokenizer_info, /health, /metrics

The studio shows how likely each token of a text was, what else could have followed, what attention
reads, what the layers would predict, the graph with its values, two models side by side, and runs in
progress.

Requests that arrive while others are being answered join them between two tokens. An answer does not
depend on other requests, bit for bit. An interrupt lets current requests finish; a second one ends them.`,
		Example: `  gorgpt serve --from runs/gpt2-minute-20260102-150405/checkpoints/best
  gorgpt serve --from small=gpt2 --from SmolLM2-135M-Instruct.gguf --listen 127.0.0.1:8081
  curl http://127.0.0.1:8080/v1/completions -d '{"prompt": "Once upon a time", "max_tokens": 32}'`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return v.run(cmd) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVar(&v.from, "from", nil, "checkpoint directory, or anything else that gorgpt convert reads, or NAME=DIR; may be repeated")
	v.settings().Flags(f)
	f.StringArrayVar(&v.config.Origins, "origin", nil, "origin of web pages that may send requests, as in https://example.org, or * for any; may be repeated (default: only the server's own)")
	return cmd
}

// service holds the arguments of serve.
type service struct {
	from                           []string
	listen, keyFile, runs, weights string
	timeout, grace                 float64 // seconds
	prefixes                       float64 // MB

	options serve.Options
	config  serve.Config
	stderr  io.Writer
}

// settings returns the settings of the service.
func (v *service) settings() setting.List {
	o := &v.options
	return setting.List{
		setting.New("listen", &v.listen, "127.0.0.1:8080", "address to listen on; use --key-file if other machines can reach it"),
		setting.New("slots", &o.Slots, 8, "number of sequences generated at once, per model", setting.AtLeast(1)),
		setting.New("queue", &o.Queue, 64, "number of requests that may wait for a slot; more are refused (429)", setting.AtLeast(1)),
		setting.New("context", &o.Context, 0, "maximum number of positions per sequence (default: all that the model has, as far as memory permits)", setting.AtLeast(0)),
		weightsSetting(&v.weights),
		setting.New("piece", &o.Piece, 128, "number of prompt tokens that run between two tokens of other sequences", setting.AtLeast(1)),
		setting.New("prefixes", &v.prefixes, 256, "MB of memory for caching the beginnings of prompts, so that a common beginning runs once (0: none)", upTo(1e9)),
		setting.New("key-file", &v.keyFile, "", "file with one line, the key that clients must send (default: no key)"),
		setting.New("runs", &v.runs, "runs", "folder of runs that the studio shows in progress"),
		setting.New("timeout", &v.timeout, 600, "seconds that a request may take (0: no limit)", upTo(1e9)),
		setting.New("grace", &v.grace, 30, "seconds that requests have to finish after an interrupt", upTo(1e9)),
	}
}

// upTo accepts numbers from 0 to most.
func upTo(most float64) setting.Check[float64] {
	return setting.Where(func(x float64) bool { return x >= 0 && x <= most }, fmt.Sprintf("0 to %.0f", most))
}

// run serves until it is interrupted.
func (v *service) run(cmd *cobra.Command) error {
	v.stderr = cmd.ErrOrStderr()
	if err := v.check(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", v.listen)
	if err != nil {
		return notListening(v.listen, err)
	}
	v.guard(listener.Addr())
	s := serve.New(v.config)
	if err := studio.Mount(s, studio.Config{Runs: v.runs}); err != nil {
		return err
	}
	return v.serve(cmd.Context(), s, listener)
}

// notListening returns an error for an address that cannot be listened on, without the parts that package net says twice.
func notListening(address string, err error) error {
	var addr *net.AddrError
	switch {
	case errors.As(err, &addr):
		return fmt.Errorf("--listen %s: %s; want one such as 127.0.0.1:8080", address, addr.Err)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("--listen %s: another program listens there; choose another port, or 0 for any that is free", address)
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Errorf("--listen %s: %w", address, err)
}

// check checks the arguments and reads the key.
func (v *service) check() (err error) {
	if len(v.from) == 0 {
		return usage.Errorf("--from is missing: the checkpoint to serve")
	}
	if err := v.settings().Validate(); err != nil {
		return err
	}
	if v.options.Weights, err = checkpoint.ParseWidth(v.weights); err != nil {
		return usage.Of(err)
	}
	if v.options.Prefixes = int64(v.prefixes * 1e6); v.options.Prefixes == 0 {
		v.options.Prefixes = -1
	}
	v.config.Timeout = time.Duration(v.timeout * float64(time.Second))
	for _, origin := range v.config.Origins {
		if origin != "*" && (!strings.Contains(origin, "://") || strings.HasSuffix(origin, "/")) {
			return usage.Errorf("--origin %s: want one such as https://example.org, or *", origin)
		}
	}
	if v.keyFile == "" {
		return nil
	}
	key, err := os.ReadFile(v.keyFile)
	if err != nil {
		return err
	}
	key = bytes.TrimSpace(key)
	if len(key) == 0 || bytes.ContainsAny(key, " \t\r\n") {
		return fmt.Errorf("--key-file %s: want one word, the key", v.keyFile)
	}
	v.config.Key = string(key)
	return nil
}

// guard makes a server on a loopback address accept only its own host names, and warns if a server on another address
// has no key.
func (v *service) guard(at net.Addr) {
	tcp, ok := at.(*net.TCPAddr)
	switch {
	case ok && tcp.IP.IsLoopback():
		v.config.Hosts = []string{"localhost", "127.0.0.1", "::1", tcp.IP.String()}
		if host, _, err := net.SplitHostPort(v.listen); err == nil && host != "" {
			v.config.Hosts = append(v.config.Hosts, strings.ToLower(host))
		}
	case v.config.Key == "":
		fmt.Fprintf(v.stderr, "warning: anyone who can reach %s may use the models; use --key-file to require a key\n", at)
	}
}

// serve answers while the models are loaded, and then until ctx ends.
func (v *service) serve(ctx context.Context, s *serve.Server, listener net.Listener) (err error) {
	defer command.Working(ctx)()
	web := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 1 << 16}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()
	defer func() { err = errors.Join(err, web.Close(), s.Close()) }()
	fmt.Fprintf(v.stderr, "listening on http://%s\n", listener.Addr())
	if err := v.load(ctx, s); err != nil {
		return err
	}
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	fmt.Fprintf(v.stderr, "stopping: requests have %v to finish\n", time.Duration(v.grace*float64(time.Second)))
	last, cancel := context.WithTimeout(context.Background(), time.Duration(v.grace*float64(time.Second)))
	defer cancel()
	s.Drain(last)
	flushed, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = web.Shutdown(flushed) // sends what is left of the answers; clients that do not read them in time lose them
	return nil
}

// load loads the models.
func (v *service) load(ctx context.Context, s *serve.Server) error {
	for _, from := range v.from {
		if err := ctx.Err(); err != nil {
			return err
		}
		o := v.options
		var path string
		o.ID, path = splitFrom(from)
		m, err := serve.Open(path, o)
		if err != nil {
			return err
		}
		if err := s.Add(m); err != nil {
			return errors.Join(err, m.Close())
		}
		v.say(m)
	}
	s.Ready()
	return nil
}

// say reports a model that has been loaded.
func (v *service) say(m *serve.Model) {
	if m.Trained != nil {
		fmt.Fprintf(v.stderr, "%s: a classifier of %s\n", m.ID, m.Trained.Task)
		return
	}
	positions := plural.Of(m.Context, "position")
	if full := models.DimsOf(m.Model).Context; m.Context < full {
		positions = fmt.Sprintf("%d of %d positions", m.Context, full)
	}
	fmt.Fprintf(v.stderr, "%s: %s each of %s, %s of keys and values\n", m.ID, plural.Of(v.options.Slots, "sequence"), positions, memory.Size(float64(m.Engine.CacheBytes())))
	if len(m.Unheeded) > 0 {
		fmt.Fprintf(v.stderr, "%s: generation_config.json asks for %s; this is ignored here: requests have to ask for it\n", m.ID, strings.Join(m.Unheeded, ", "))
	}
	if why := m.Engine.Whole(); why != nil {
		fmt.Fprintf(v.stderr, "%s: every token requires a run over the whole window: %v\n", m.ID, why)
	}
}

// splitFrom splits NAME=PATH, unless the whole is the path of an existing file.
func splitFrom(from string) (name, path string) {
	if _, err := os.Stat(from); err == nil {
		return "", from
	}
	if name, path, named := strings.Cut(from, "="); named && name != "" && !strings.ContainsAny(name, `/\`) {
		return name, path
	}
	return "", from
}
