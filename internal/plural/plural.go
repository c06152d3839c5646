// Package plural words a number of things.
package plural

import "fmt"

// Of is n of a noun, as in "1 token" and "2 tokens", whose plural ends in s.
func Of[N int | int64](n N, noun string) string { return fmt.Sprint(n) + " " + Noun(n, noun) }

// Noun is the noun for n of them.
func Noun[N int | int64](n N, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}
