package harmony

import "strings"

// Setup is what a system message tells gpt-oss of its setting. The lines of what is "" are left out.
type Setup struct {
	Identity  string   // "You are ChatGPT, a large language model trained by OpenAI." in OpenAI's
	Knowledge string   // the month up to which it knows, "2024-06"
	Date      string   // today
	Reasoning string   // how long it thinks: low, medium or high
	Channels  []string // it must choose one of them for every message
}

// DefaultSetup is OpenAI's, without a date.
func DefaultSetup() Setup {
	return Setup{
		Identity: "You are ChatGPT, a large language model trained by OpenAI.", Knowledge: "2024-06", Reasoning: "medium",
		Channels: []string{Analysis, Commentary, Final},
	}
}

// Message is the system message.
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

// Instructions is a developer's message: what is called a system prompt elsewhere.
func Instructions(text string) Message {
	return Message{Role: Developer, Content: "# Instructions\n\n" + text}
}
