package tokenizer

import "encoding/json"

// ChatTemplate is the program, in Jinja, that writes conversations for the model that t is of: chat_template.jinja, else the
// chat_template of tokenizer_config.json, of several the one that is named default. Special are the tokens that it can name, by their
// names there: bos_token, eos_token and others. There is none in the tokenizers that this package makes, and in many of files.
func ChatTemplate(t Tokenizer) (source string, special map[string]string, there bool) {
	a, ok := plainly(t).(*added)
	if !ok {
		return "", nil, false
	}
	special = make(map[string]string)
	for _, role := range roles {
		if token, ok := tokenOf(a.config[role]); ok {
			special[role] = token.Content
		}
	}
	if file, ok := a.files[templateFile]; ok {
		return string(file), special, true
	}
	raw := a.config["chat_template"]
	if json.Unmarshal(raw, &source) == nil && source != "" {
		return source, special, true
	}
	var several []struct{ Name, Template string }
	if json.Unmarshal(raw, &several) == nil {
		for _, one := range several {
			if one.Name == "default" {
				return one.Template, special, true
			}
		}
	}
	return "", special, false
}
