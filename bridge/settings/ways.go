package settings

import (
	"fmt"
	"strings"

	"github.com/natsgram/natsgram/mtproto/reach"
	"github.com/natsgram/natsgram/subjects"
)

// WaysOf are the ways to Telegram that an account may go: those with its name before them, or else those without a name.
// None is the direct one.
func (t Telegram) WaysOf(account string) ([]reach.Way, error) {
	var own, common []string
	for _, text := range t.wayTexts() {
		switch name, way := wayOwner(text); name {
		case account:
			own = append(own, way)
		case "":
			common = append(common, way)
		}
	}
	if len(own) > 0 {
		return reach.ParseAll(own)
	}
	return reach.ParseAll(common)
}

// wayTexts are the ways as they stand in the environment, between commas, or one a line in a file.
func (t Telegram) wayTexts() []string {
	return strings.FieldsFunc(strings.Join(t.Ways, ","), func(r rune) bool { return r == ',' || r == '\n' || r == '\r' })
}

// wayOwner splits "main=socks5://..." into the account and the way. No way begins like an account's name and "=".
func wayOwner(text string) (account, way string) {
	text = strings.TrimSpace(text)
	name, way, ok := strings.Cut(text, "=")
	if name = strings.TrimSpace(name); ok && subjects.CheckAccount(name) == nil {
		return name, way
	}
	return "", text
}

// checkWays names the way that is wrong, without showing it: it may hold a password.
func (t Telegram) checkWays() error {
	for i, text := range t.wayTexts() {
		_, way := wayOwner(text)
		if _, err := reach.Parse(way); err != nil {
			return fmt.Errorf("NATSGRAM_WAYS: way %d: %w", i+1, err)
		}
	}
	return nil
}
