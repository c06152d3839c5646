package harmony

import "strings"

// Setup is the content of a system message for gpt-oss. Lines for empty fields are omitted.
type Setup struct {
	Identity  string   // "You are ChatGPT, a large language model trained by OpenAI." in OpenAI's
	Knowledge string   // knowledge cutoff, as in "2024-06"
	Date      string   // today
	Reasoning string   // amount of reasoning: low, medium or high
	Channels  []string // valid channels; every message must have one
}

// DefaultSetup returns OpenAI's setup, without a date.
func DefaultSetup() Setup {
	return Setup{
		Identity: "You are ChatGPT, a large language model trained by OpenAI.", Knowledge: "2024-06", Reasoning: "medium",
		Channels: []string{Analysis, Commentary, Final},
	}
}

// Message returns the system message.
func (s Setup) Message() Message {
	var parts, head []string
	for _, line := range []struct{ before, text string }{{"", s.Identity}, {"Knowledge cutoff: ", s.Knowledge}, {"Current date: ", s.Date}} {
		if line.text != "" {
			head = append(head, line.before+line.text)
		}
	}
	if len(head) > 0 {
		parts = append(parts, strings.Join(head, "\n"))
	}
	if s.Reasoning != "" {
		parts = append(parts, "Reasoning: "+s.Reasoning)
	}
	if len(s.Channels) > 0 {
		parts = append(parts, "# Valid channels: "+strings.Join(s.Channels, ", ")+". Channel must be included for every message.")
	}
	return Message{Role: System, Content: strings.Join(parts, "\n\n")}
}

// Instructions returns a developer's message, which elsewhere is called a system prompt.
func Instructions(text string) Message {
	return Message{Role: Developer, Content: "# Instructions\n\n" + text}
}
