package tokenizer

import "encoding/json"

// ChatTemplate returns the Jinja template that formats conversations for the tokenizer's model: chat_template.jinja, or
// else chat_template in tokenizer_config.json, of which the one named default is used if there are several. The tokens
// that the template can refer to are in special, by name: bos_token, eos_token and others. Tokenizers made by this
// package have no template, nor do many that are loaded from files.
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
