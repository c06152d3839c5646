package train_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/datasets"
	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
	"github.com/gorgpt/gorgpt/tokenizer"
	"github.com/gorgpt/gorgpt/train"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// bigram predicts the next byte from the current one by a table of logits.
type bigram struct{ vocab int }

func (m bigram) Loss(s *graph.Scope, tokens, targets *gorgonia.Node) *gorgonia.Node {
	table := s.Param("table", graph.Zeros(), m.vocab, m.vocab)
	logits := ops.Embed(s, tokens, table)       // (B·T, V)
	return ops.CrossEntropy(s, logits, targets) // ()
}

// printer is an observer.
type printer struct{}

func (printer) OnStep(train.Step) error { return nil }

func (printer) OnEvaluation(e train.Evaluation) error {
	fmt.Printf("step %3d: val loss %.2f\n", e.Step, e.Loss)
	return nil
}

func ExampleTrainer() {
	text := strings.Repeat("to be or not to be ", 50)
	tok := tokenizer.Bytes()
	shape := datasets.Config{Batch: 4, Context: 16, Seed: 1}
	stream, err := datasets.NewTraining(datasets.Text("hamlet", text), tok, shape)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stream.Close()
	t := &train.Trainer{
		Task: &train.NextToken{
			Model: bigram{tok.Size()},
			Train: stream,
			Validation: func() (datasets.Stream, error) {
				return datasets.NewValidation(datasets.Text("hamlet", text), tok, shape)
			},
			Batch: 4, Context: 16,
		},
		Params:   graph.NewParams(1),
		Solver:   train.NewAdamW(),
		Schedule: train.Cosine(0.3, 0.01, 10, 100),
		Steps:    100, EvalEvery: 50,
		Observers: []train.Observer{printer{}},
	}
	if err := t.Run(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// step   0: val loss 5.55
	// step  50: val loss 0.84
	// step 100: val loss 0.82
}

func ExampleParseSchedule() {
	_, err := train.ParseSchedule("cosinus", 1e-3, 1e-4, 100, 2000)
	fmt.Println(err)
	// Output: unknown schedule "cosinus"; did you mean "cosine"?
}

// GPT-3's schedule counts tokens: here during the warmup, at its end, during the decay to a tenth, and after it.
func ExampleParseTokenSchedule() {
	rate, err := train.ParseTokenSchedule("cosine", 6e-4, 6e-5, 375e6, 260e9)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, tokens := range []int64{125e6, 375e6, 130e9, 300e9} {
		fmt.Printf("%d: %.2e  ", tokens, rate(tokens))
	}
	// Output: 125000000: 2.00e-04  375000000: 6.00e-04  130000000000: 3.31e-04  300000000000: 6.00e-05
}

// The solver works with any Gorgonia graph, as Gorgonia's solvers do.
func ExampleNewAdamW() {
	g := gorgonia.NewGraph()
	x := gorgonia.NewVector(g, tensor.Float32, gorgonia.WithName("x"), gorgonia.WithShape(2),
		gorgonia.WithValue(tensor.New(tensor.WithBacking([]float32{3, -4}))))
	loss := gorgonia.Must(gorgonia.Sum(gorgonia.Must(gorgonia.Square(x))))
	if _, err := gorgonia.Grad(loss, x); err != nil {
		fmt.Println(err)
		return
	}
	vm := gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(x))
	defer vm.Close()

	adam := train.NewAdamW()
	adam.LearnRate = 0.1
	for i := range 101 {
		if err := vm.RunAll(); err != nil {
			fmt.Println(err)
			return
		}
		if i%50 == 0 {
			fmt.Printf("step %3d: loss %.4f\n", i, loss.Value().Data())
		}
		if err := adam.Step([]gorgonia.ValueGrad{x}); err != nil {
			fmt.Println(err)
			return
		}
		vm.Reset()
	}
	// Output:
	// step   0: loss 25.0000
	// step  50: loss 0.1386
	// step 100: loss 0.0002
}

// ExampleHookFunc keeps an embedding unchanged for the first updates of a run: the hook clears its gradient
// before the solver sees it.
func ExampleHookFunc() {
	thaw := train.HookFunc(func(u *train.Update) error {
		for _, vg := range u.Model {
			if u.Step < 100 && vg.(gorgonia.Namer).Name() == "wte.weight" {
				g, err := vg.Grad()
				if err != nil {
					return err
				}
				clear(g.Data().([]float32))
			}
		}
		return nil
	})
	t := train.Trainer{Hooks: []train.Hook{thaw}}
	fmt.Println(len(t.Hooks), "hook")
	// Output: 1 hook
}

// ExampleNewLion takes steps by the sign of the mean gradient, so all weights move by the same amount.
func ExampleNewLion() {
	params := graph.NewParams(1)
	w, err := params.Declare("w", graph.Ones(), 3)
	if err != nil {
		fmt.Println(err)
		return
	}
	copy(w.GradData(), []float32{0.1, -20, 0})
	lion := train.NewLion()
	lion.LearnRate = 0.25
	if err := lion.Step(params.ValueGrads()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(w.Data())
	// Output: [0.75 1.25 1]
}

// ExampleNewSGD shows that momentum keeps a weight moving.
func ExampleNewSGD() {
	params := graph.NewParams(1)
	w, err := params.Declare("w", graph.Zeros(), 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	sgd := train.NewSGD()
	sgd.LearnRate = 0.5
	w.GradData()[0] = 1
	for range 3 { // a gradient of 1, then of 0
		if err := sgd.Step(params.ValueGrads()); err != nil {
			fmt.Println(err)
		}
		fmt.Print(w.Data()[0], " ")
	}
	// Output: -0.5 -0.95 -1.355
}

// ExampleNewMuon updates matrices by Muon, and the embedding and biases by AdamW; one layer is frozen.
func ExampleNewMuon() {
	params := graph.NewParams(1)
	for name, shape := range map[string][]int{"wte.weight": {3, 2}, "h.0.fc.weight": {2, 2}, "h.0.fc.bias": {2}, "h.1.fc.weight": {2, 2}} {
		if _, err := params.Declare(name, graph.Zeros(), shape...); err != nil {
			fmt.Println(err)
			return
		}
	}
	muon := train.NewMuon("h.*")
	muon.Groups = append([]train.Group{{Pattern: "h.1.*", Frozen: true}}, muon.Groups...)
	if err := muon.Step(params.ValueGrads()); err != nil {
		fmt.Println(err)
		return
	}
	var kept []string
	for _, t := range muon.State().Tensors {
		kept = append(kept, t.Name)
	}
	slices.Sort(kept)
	fmt.Println(strings.Join(kept, "\n"))
	// Output:
	// h.0.fc.bias.exp_avg
	// h.0.fc.bias.exp_avg_sq
	// h.0.fc.weight.momentum_buffer
	// wte.weight.exp_avg
	// wte.weight.exp_avg_sq
}

// ExampleWSD is constant between warmup and decay.
func ExampleWSD() {
	rate := train.WSD(1e-3, 0, 4, 80, 100)
	for _, i := range []int{0, 4, 50, 79, 90, 100} {
		fmt.Printf("%d: %.1e  ", i, rate(i))
	}
	// Output: 0: 2.0e-04  4: 1.0e-03  50: 1.0e-03  79: 1.0e-03  90: 5.0e-04  100: 0.0e+00
}

// ExampleCosine warms up, decays, and then stays constant.
func ExampleCosine() {
	rate := train.Cosine(1e-3, 1e-4, 4, 100)
	for _, i := range []int{0, 4, 52, 100, 200} {
		fmt.Printf("%d: %.2e  ", i, rate(i))
	}
	// Output: 0: 2.00e-04  4: 1.00e-03  52: 5.50e-04  100: 1.00e-04  200: 1.00e-04
}

// ExampleLinear is the schedule of GPT-1's fine-tuning.
func ExampleLinear() {
	rate := train.Linear(1e-3, 0, 4, 100)
	for _, i := range []int{0, 4, 52, 100} {
		fmt.Printf("%d: %.2e  ", i, rate(i))
	}
	// Output: 0: 2.00e-04  4: 1.00e-03  52: 5.00e-04  100: 0.00e+00
}

func ExampleConstant() {
	rate := train.Constant(1e-3, 4)
	for _, i := range []int{0, 3, 100} {
		fmt.Printf("%d: %.2e  ", i, rate(i))
	}
	// Output: 0: 2.00e-04  3: 8.00e-04  100: 1.00e-03
}

// ExampleEvery calls a function after every second step and the last.
func ExampleEvery() {
	o := train.Every(2, 5, func(step int) error {
		_, err := fmt.Println("step", step)
		return err
	})
	for i := range 5 {
		if err := o.OnStep(train.Step{Step: i + 1}); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// step 2
	// step 4
	// step 5
}

// ExampleGroup exempts embeddings from weight decay.
func ExampleGroup() {
	params := graph.NewParams(1)
	for _, name := range []string{"wte.weight", "fc.weight"} {
		if _, err := params.Declare(name, graph.Ones(), 1, 1); err != nil {
			fmt.Println(err)
			return
		}
	}
	adam := train.NewAdamW()
	adam.LearnRate, adam.Decay = 0.1, 0.5
	adam.Groups = []train.Group{{Pattern: "wte.*", Decay: new(0.0)}}
	if err := adam.Step(params.ValueGrads()); err != nil { // all gradients are 0
		fmt.Println(err)
		return
	}
	fmt.Println(params.Get("wte.weight").Data(), params.Get("fc.weight").Data())
	// Output: [1] [0.95]
}

// ExampleNewScheduleFree trains a number and prints its average, which is used instead of it,
// and then the number itself.
func ExampleNewScheduleFree() {
	params := graph.NewParams(1)
	w, err := params.Declare("w", graph.Ones(), 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	o := train.NewScheduleFree()
	o.SetLearnRate(0.5)
	for range 3 {
		w.GradData()[0] = 1
		if err := o.Step(params.ValueGrads()); err != nil {
			fmt.Println(err)
		}
	}
	for _, on := range []bool{true, false} {
		if err := o.Average(params.ValueGrads(), on); err != nil {
			fmt.Println(err)
		}
		fmt.Printf("%.2f ", w.Data()[0])
	}
	// Output: 0.00 -0.05
}

// ExampleEMA makes Lion keep an average of the weights, which a Trainer evaluates and saves.
func ExampleEMA() {
	o := train.NewLion()
	o.Rule = train.EMA{Rule: o.Rule, Decay: 0.999}
	names, err := o.Rule.Keeps([]int{2, 2})
	fmt.Println(o.Rule.Name(), names, err)
	// Output: Lion [exp_avg twin] <nil>
}

// ExampleReplay reads the metrics of a run.
func ExampleReplay() {
	metrics := `{"step":0,"val_loss":5.5}
{"step":1,"tokens":48,"loss":5.4,"lr":0.001,"grad_norm":1.5,"tokens_per_s":9000,"seconds":0.1}
{"step":1,"val_loss":4.5}
`
	if err := train.Replay(strings.NewReader(metrics), printer{}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// step   0: val loss 5.50
	// step   1: val loss 4.50
}
