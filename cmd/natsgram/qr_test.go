package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/natsgram/natsgram/mtproto"
)

// F7: a code as a terminal shows it, and the link for who cannot scan.
func TestShowQR(t *testing.T) {
	const url = "tg://login?token=AQAAAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g"
	var out bytes.Buffer
	showQR(&out, mtproto.QRCode{URL: url, Expires: time.Now().Add(time.Minute)})
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	if lines[len(lines)-1] != url {
		t.Errorf("%q", lines[len(lines)-1])
	}
	drawn := lines[:len(lines)-2]
	width := utf8.RuneCountInString(drawn[0])
	if strings.Trim(drawn[0], "█") != "" || (width+1)/2 != len(drawn) {
		t.Errorf("%d lines of %d", len(drawn), width)
	}
	for _, l := range drawn {
		if utf8.RuneCountInString(l) != width || !strings.HasPrefix(l, "█") && !strings.HasPrefix(l, "▀") {
			t.Errorf("%q", l)
		}
	}
	// The upper left corner is a square of seven modules, black but for a white one inside.
	if corner := string([]rune(drawn[1])[quiet : quiet+7]); corner != " ▄▄▄▄▄ " {
		t.Errorf("%q", corner)
	}
	if _, err := drawQR(strings.Repeat("x", 1<<16)); err == nil {
		t.Error("too long a text")
	}
}
