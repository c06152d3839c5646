package family

// commonOnly are keys of every configuration that must have their default values, since others ask for
// arithmetic that no family has.
var commonOnly = []Only{
	{"tie_word_embeddings", []string{"true"}, "the head shares the token embedding"},
	{"add_cross_attention", []string{"false", "null"}, "there is no cross-attention"},
	{"is_causal", []string{"true"}, "attention sees no later tokens"},
	{"is_encoder_decoder", []string{"false", "null"}, "there is no encoder"},
	{"quantization_config", []string{"null"}, "the weights must be plain numbers; save them dequantized"},
	{"pruned_heads", []string{"{}", "null"}, "every block has all its heads"},
	{"per_layer_config", []string{"{}", "null"}, "all blocks are alike"},
	{"auto_map", []string{"{}", "null"}, "code that comes with a model is not run"},
}

// commonHarmless are the keys of transformers' PretrainedConfig, versions 2 to 5, that do not affect the
// logits, and keys that related tools add.
var commonHarmless = []string{
	// Where a file comes from.
	"_name_or_path", "name_or_path", "_model_name_or_path", "_commit_hash", "transformers_version", "architectures",
	"vocab_size_or_config_json_file", "custom_pipelines", "tokenizer_class", "prefix", "base_model_type",

	// Added by gorgpt, and read by models.Parse.
	"gorgpt_edits",

	// How numbers are stored and code is run.
	"torch_dtype", "dtype", "torchscript", "use_bfloat16", "tf_legacy_loss", "xla_device", "gradient_checkpointing",
	"attn_implementation", "_attn_implementation*", "experts_implementation", "_experts_implementation*", "chunk_size_feed_forward",
	"unsloth_*", "use_cache", "return_dict", "use_return_dict", "output_attentions", "output_hidden_states", "output_past", "keys_to_ignore_at_inference",
	"is_decoder", "tie_encoder_decoder", "cross_attention_hidden_size", "loss_type", "tie_last_hidden_states",

	// Heads for other tasks.
	"id2label", "label2id", "num_labels", "_num_labels", "num_classes", "problem_type", "finetuning_task", "task_specific_params",
	"classifier_dropout", "summary_*",

	// Tokens, which the tokenizer and package generate use.
	"bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "cls_token_id", "mask_token_id", "unk_token_id", "decoder_start_token_id",

	// What transformers' generate used to read here and now reads from generation_config.json.
	"max_length", "max_new_tokens", "min_length", "do_sample", "early_stopping", "num_beams", "num_beam_groups", "diversity_penalty",
	"temperature", "top_k", "top_p", "typical_p", "epsilon_cutoff", "eta_cutoff", "repetition_penalty", "length_penalty",
	"no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "encoder_repetition_penalty", "bad_words_ids", "num_return_sequences",
	"output_scores", "return_dict_in_generate", "forced_bos_token_id", "forced_eos_token_id", "remove_invalid_values",
	"exponential_decay_length_penalty", "suppress_tokens", "begin_suppress_tokens", "assistant_confidence_threshold",
	"assistant_lookbehind", "num_assistant_tokens*", "target_lookbehind",
}

// OpenAI maps the keys of transformers' common configuration to OpenAI's, for [Family.Aliases].
var OpenAI = map[string]string{
	"hidden_size": "n_embd", "max_position_embeddings": "n_positions",
	"num_attention_heads": "n_head", "num_hidden_layers": "n_layer",
}
