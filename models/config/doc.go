// Package config reads and writes what families of models have in common in Hugging
// Face's config.json.
package config
