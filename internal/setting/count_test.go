package setting

import "testing"

// TestParseCount: units are those used in papers; text that is not a count, or exceeds the limit, is an error
// that says so.
func TestParseCount(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "300000": 300000, "9223372036854775807": 1<<63 - 1, "300k": 300_000, "2.5M": 2_500_000, "300B": 300e9, "1T": 1e12, "0.3B": 300e6,
		"1e9": 1e9, "375M": 375e6, "1.1M": 1_100_000, "8K": 8000, "32.3k": 32_300, "128.2k": 128_200, "1.005k": 1005,
	} {
		if got, err := ParseCount(text); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"9223372036854775808": "9223372036854775808: too many; want less than 9.2e18",
		"10000000T":           "10000000T: too many; want less than 9.2e18",
		"1e400":               "1e400: too many; want less than 9.2e18",
		"1e300T":              "1e300T: too many; want less than 9.2e18",
		"0.5":                 "0.5 is not a whole number",
		"1.0005k":             "1.0005k is not a whole number",
	} {
		if _, err := ParseCount(text); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	for _, text := range []string{"", "B", "-1", "-1B", "3BB", "3G", "3 B", "NaN", "Inf", "-Inf", "0x10", "1_000", "tokens"} {
		want := `"` + text + `" is not a count: want one such as 300000, 300k, 2.5M, 300B or 1T`
		if _, err := ParseCount(text); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if err := IsCount("tokens", "3G"); err == nil || err.Error() != `--tokens: "3G" is not a count: want one such as 300000, 300k, 2.5M, 300B or 1T` {
		t.Error(err)
	}
	if IsCount("tokens", "") != nil || IsCount("tokens", "3B") != nil {
		t.Error("refused")
	}
}
