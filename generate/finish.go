package generate

// Finish says why a sequence ends.
type Finish string

// The reasons.
const (
	Length       Finish = "length"        // it has as many tokens as were asked for
	StopToken    Finish = "stop"          // its last token is one of Options.Stop
	NoCandidates Finish = "no_candidates" // the options leave no token to go on with
)
