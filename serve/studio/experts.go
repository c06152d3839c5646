package studio

import (
	"net/http"
)

// mostRouted is the maximum of numbers about routers in one answer.
const mostRouted = 400_000

// routed says where a router sent the tokens of a text.
type routed struct {
	Path    string     `json:"path"`
	Experts int        `json:"experts"`
	Chosen  int        `json:"chosen"`
	Picks   []int      `json:"picks"` // (T, K)
	Load    []int      `json:"load"`  // (E), how many tokens each expert got
	Probs   []*float64 `json:"probs"` // (E), for the token at the position that was asked for
}

type expertsAnswer struct {
	Start   int      `json:"start"`
	Routers []routed `json:"routers"`
}

// experts answers with the experts that each token was sent to. The list is empty for a model without routers.
func (st *studio) experts(r *http.Request, q readsQuestion) (*expertsAnswer, error) {
	in, s, err := st.opened(q.given)
	if err != nil {
		return nil, err
	}
	start, ids := s.window(in)
	a := &expertsAnswer{Start: start, Routers: []routed{}}
	total := 0
	for _, at := range in.Routers() {
		total += len(ids)*at.Chosen + 2*at.Experts
	}
	at := q.Position - start
	switch {
	case total > mostRouted:
		return nil, wrong(http.StatusBadRequest, "text", "the choices of %d routers for %d tokens are more than the page can show: use a shorter text", len(in.Routers()), len(ids))
	case at < 0 || at >= len(ids):
		return nil, wrong(http.StatusBadRequest, "position", "position is %d of %d tokens", q.Position, len(s.ids))
	}
	all, err := in.Routes(r.Context(), ids)
	if err != nil {
		return nil, refused("text", err)
	}
	for _, one := range all {
		answer := routed{Path: one.Path, Experts: one.Experts, Chosen: one.Chosen, Picks: one.Picks, Load: make([]int, one.Experts)}
		for _, pick := range one.Picks {
			answer.Load[pick]++
		}
		for _, p := range one.Probs[at*one.Experts : (at+1)*one.Experts] {
			answer.Probs = append(answer.Probs, number(float64(p)))
		}
		a.Routers = append(a.Routers, answer)
	}
	return a, nil
}
