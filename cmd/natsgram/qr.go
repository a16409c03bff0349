package main

import (
	"fmt"
	"io"
	"strings"

	"rsc.io/qr"

	"github.com/natsgram/natsgram/mtproto"
)

// quiet is the white border that a scanner needs, in modules.
const quiet = 2

// showQR prints a code to be scanned, and how.
func showQR(w io.Writer, code mtproto.QRCode) {
	if drawn, err := drawQR(code.URL); err == nil {
		fmt.Fprint(w, drawn)
	}
	fmt.Fprintf(w, "Scan this in Telegram: Settings, Devices, Link Desktop Device. It is good until %s, then comes another.\n%s\n",
		code.Expires.Format("15:04:05"), printable(code.URL))
}

// drawQR draws a code for a terminal: two rows of modules a line, white by block characters, so that it can be scanned on
// a dark background.
func drawQR(text string) (string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", err
	}
	white := func(x, y int) bool { return y < code.Size+quiet && !code.Black(x, y) }
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		for x := -quiet; x < code.Size+quiet; x++ {
			switch upper, lower := white(x, y), white(x, y+1); {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}
