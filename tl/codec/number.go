package codec

import (
	"math"
	"strconv"
)

// parseInteger reads a whole number exactly, without a way through floats: digits with an optional sign and a fraction
// of zeros, in the range of a long.
func parseInteger(text []byte) (int64, bool) {
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		text = text[1:]
	}
	n := countDigits(text)
	if n == 0 || !zeroFraction(text[n:]) {
		return 0, false
	}
	var v uint64
	for _, c := range text[:n] {
		if v > math.MaxInt64/10 {
			return 0, false
		}
		v = v*10 + uint64(c-'0')
	}
	switch {
	case negative && v <= 1<<63:
		return -int64(v), true
	case !negative && v <= math.MaxInt64:
		return int64(v), true
	}
	return 0, false
}

// zeroFraction reports whether a number may end so and still be whole: "", ".0", ".00" ...
func zeroFraction(text []byte) bool {
	if len(text) == 0 {
		return true
	}
	if text[0] != '.' || len(text) == 1 {
		return false
	}
	for _, c := range text[1:] {
		if c != '0' {
			return false
		}
	}
	return true
}

// parseDouble reads the bits of a double. Words are the strings that stand for what is no number.
func parseDouble(text []byte, words bool) (uint64, bool) {
	if words {
		switch string(text) {
		case "NaN":
			return quietNaN, true
		case "Infinity", "+Infinity":
			return math.Float64bits(math.Inf(1)), true
		case "-Infinity":
			return math.Float64bits(math.Inf(-1)), true
		}
		if len(text) == 20 && string(text[:4]) == "NaN:" {
			bits, err := strconv.ParseUint(string(text[4:]), 16, 64)
			v := math.Float64frombits(bits)
			return bits, err == nil && v != v
		}
		if len(text) == 0 || countDigits(text[len(text)-1:]) == 0 {
			return 0, false // the rest of what ParseFloat knows: nan, inf, 0x1p-2 ...
		}
		for _, c := range text {
			if (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' && c|0x20 != 'e' {
				return 0, false
			}
		}
	}
	v, err := strconv.ParseFloat(string(text), 64)
	return math.Float64bits(v), err == nil
}
