package train

import (
	"encoding/json"
	"math"

	"github.com/gorgpt/gorgpt/graph"
)

// Step reports one update of the weights.
type Step struct {
	Step            int     `json:"step"`   // number of updates done, including this one
	Tokens          int64   `json:"tokens"` // tokens trained on so far
	Loss            float64 `json:"loss"`   // mean over the batch, nats per token, before the update
	LearnRate       float64 `json:"lr"`
	GradNorm        float64 `json:"grad_norm"`         // global norm of the gradient, before clipping
	Skipped         bool    `json:"skipped,omitempty"` // the weights were not changed; see Guard
	TokensPerSecond float64 `json:"tokens_per_s"`      // of this step
	Seconds         float64 `json:"seconds"`           // since the run began, including evaluations and saves

	// Values are what the task reports beside the loss; what layers have added to the loss (see
	// [graph.Scope.AddLoss]), which Loss does not include; and, for nodes that [graph.Watch] in
	// Trainer.Graph asks for, PATH/value of scalars and PATH/rms, the root mean square, of others.
	Values Values `json:"values,omitempty"`
	// Vectors are reports of layers that have more than one number ([graph.Scope.Report]), such as
	// the loads of a router's experts, as means over the batch. Scalar reports are among the
	// Values.
	Vectors Vectors `json:"vectors,omitempty"`
	// Watched is everything that was asked for by [graph.Watch], from the last micro-batch. It is
	// valid during the call.
	Watched []graph.Watched `json:"-"`
}

// Evaluation reports the loss on the validation data.
type Evaluation struct {
	Step int     `json:"step"` // number of updates done
	Loss float64 `json:"loss"` // mean over all batches, nats per token

	Values Values `json:"values,omitempty"` // reported by the task beside the loss
}

// Values are numbers by name. In JSON, a number that is not finite becomes null, which is read as
// NaN.
type Values map[string]float64

// MarshalJSON implements [json.Marshaler].
func (v Values) MarshalJSON() ([]byte, error) {
	all := make(map[string]*float64, len(v))
	for name, x := range v {
		if all[name] = &x; math.IsNaN(x) || math.IsInf(x, 0) {
			all[name] = nil
		}
	}
	return json.Marshal(all)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (v *Values) UnmarshalJSON(data []byte) error {
	var all map[string]*float64
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	*v = make(Values, len(all))
	for name, x := range all {
		if (*v)[name] = math.NaN(); x != nil {
			(*v)[name] = *x
		}
	}
	return nil
}

// Vectors are lists of numbers by name, encoded in JSON as [Values] are.
type Vectors map[string][]float64

// MarshalJSON implements [json.Marshaler].
func (v Vectors) MarshalJSON() ([]byte, error) {
	all := make(map[string][]*float64, len(v))
	for name, list := range v {
		row := make([]*float64, len(list))
		for i, x := range list {
			if !math.IsNaN(x) && !math.IsInf(x, 0) {
				row[i] = &x
			}
		}
		all[name] = row
	}
	return json.Marshal(all)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (v *Vectors) UnmarshalJSON(data []byte) error {
	var all map[string][]*float64
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	*v = make(Vectors, len(all))
	for name, row := range all {
		list := make([]float64, len(row))
		for i, x := range row {
			if list[i] = math.NaN(); x != nil {
				list[i] = *x
			}
		}
		(*v)[name] = list
	}
	return nil
}

// An Observer is told of every step and evaluation, in order. An error ends the run, which is saved
// first; see State.Told for what is reported again after that.
type Observer interface {
	OnStep(Step) error
	OnEvaluation(Evaluation) error
}
