// Package plural formats numbers with nouns.
package plural

import (
	"fmt"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Of returns n and a noun, as in "1 token" and "2 tokens". The plural ends in s, or in es as for "batch".
func Of[N int | int64](n N, noun string) string { return fmt.Sprint(n) + " " + Noun(n, noun) }

// Noun returns the noun in the form for n.
func Noun[N int | int64](n N, noun string) string {
	if n == 1 {
		return noun
	}
	if strings.HasSuffix(noun, "ch") {
		return noun + "es"
	}
	return noun + "s"
}

// Thousands writes n with commas, as in "1,234,567".
func Thousands[N int | int64](n N) string { return message.NewPrinter(language.English).Sprint(n) }

// Counted is [Of] with commas, as in "1,234 tokens".
func Counted[N int | int64](n N, noun string) string { return Thousands(n) + " " + Noun(n, noun) }
