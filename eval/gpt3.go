package eval

import (
	"math"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/internal/plural"
)

// gpt3Sizes are the models of GPT-3's paper in the order of the columns of gpt3Reports, with their
// numbers of parameters (table D.1 to the digit; see models/gpt3).
var gpt3Sizes = []struct {
	name       string
	parameters float64
}{
	{"125m", 125.2e6}, {"350m", 355.9e6}, {"760m", 760.3e6}, {"1.3b", 1315.7e6}, {"2.7b", 2651.6e6}, {"6.7b", 6658.4e6}, {"13b", 12853.4e6}, {"175b", 174604.3e6},
}

// gpt3Reports is from table H.1 of GPT-3's paper: by task and our name of the metric, for each of the
// eight sizes, the values with 0, 1 and K examples; accuracies in percent.
var gpt3Reports = []struct{ task, metric, values string }{
	{"lambada", "accuracy", "42.7/22.0/22.0 54.3/47.1/40.4 60.4/52.6/63.2 63.6/58.3/57.0 67.1/61.1/78.1 70.3/65.4/79.1 72.5/69.0/81.3 76.2/72.5/86.4"},
	{"lambada", "perplexity", "18.6/165/165 9.09/11.6/27.6 6.53/8.29/6.63 5.44/6.46/7.45 4.60/5.53/2.89 4.00/4.61/2.56 3.56/4.06/2.56 3.00/3.35/1.92"},
	{"hellaswag", "accuracy_tokens", "33.7/33.0/33.5 43.6/42.9/43.1 51.0/50.5/51.3 54.7/53.5/54.9 62.8/61.9/62.9 67.4/66.5/67.3 70.9/70.0/71.3 78.9/78.1/79.3"},
	{"story_cloze", "accuracy_tokens", "63.3/62.3/62.3 68.5/68.7/70.2 72.4/72.3/73.9 73.4/74.2/76.1 77.2/77.3/80.2 77.7/78.7/81.2 79.5/79.7/83.0 83.2/84.7/87.7"},
	{"piqa", "accuracy_tokens", "64.6/64.3/64.3 70.2/69.3/69.4 72.9/71.8/72.0 75.1/74.4/74.3 75.6/74.3/75.4 78.0/76.3/77.8 78.5/77.8/79.9 81.0/80.5/82.3"},
	{"arc_easy", "accuracy_ratio", "43.6/42.7/42.7 46.5/48.2/51.0 53.0/54.6/58.1 53.8/55.9/59.1 58.2/60.3/62.1 60.2/62.6/65.8 63.8/66.8/69.1 68.8/71.2/70.1"},
	{"arc_challenge", "accuracy_ratio", "26.6/25.5/25.5 29.5/30.2/28.4 31.8/31.6/32.3 35.5/36.4/36.7 38.0/38.4/39.5 41.4/41.5/43.7 43.7/43.1/44.8 51.4/53.2/51.5"},
	{"boolq", "accuracy_tokens", "49.7/52.6/43.1 60.3/61.7/60.6 58.9/60.4/62.0 62.4/63.7/64.1 67.1/68.4/70.3 65.4/68.7/70.0 66.2/69.0/70.2 60.5/76.7/77.5"},
	{"copa", "accuracy_tokens", "66/62/67 68/64/64 73/66/72 77/74/77 76/76/83 80/82/83 84/86/86 91/87/92"},
}

// gpt3Published returns the values that the paper reports for a task at 0, 1 and K shots.
func gpt3Published(task string, shots int) []Published {
	var all []Published
	for _, report := range gpt3Reports {
		if report.task != task {
			continue
		}
		for i, three := range strings.Fields(report.values) {
			for k, text := range strings.Split(three, "/") {
				value, _ := strconv.ParseFloat(text, 64) // a test parses all values
				if report.metric != "perplexity" {
					value = math.Round(value*10) / 1000
				}
				all = append(all, Published{"gpt3-" + gpt3Sizes[i].name, report.metric, value,
					"GPT-3 paper, table H.1, " + plural.Of([]int{0, 1, shots}[k], "shot")})
			}
		}
	}
	return all
}

// nearGPT3 returns the size of GPT-3 that is nearest to the subject's, by the logarithm of the parameters.
func nearGPT3(s *Subject) string {
	nearest, name := math.Inf(1), ""
	for _, size := range gpt3Sizes {
		if d := math.Abs(math.Log(size.parameters / float64(max(1, s.Params.Count())))); d < nearest {
			nearest, name = d, "gpt3-"+size.name
		}
	}
	return name
}
