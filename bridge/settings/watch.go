package settings

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/natsgram/natsgram/subjects"
)

// WatchedBy are the channels that an account is to watch: those with its name before them, and those without a name.
func (u Updates) WatchedBy(account string) (ids []int64) {
	for _, text := range u.Watch {
		owner, id, err := watched(text)
		if err == nil && (owner == "" || owner == account) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// watched reads "main=1234" or "1234".
func watched(text string) (account string, id int64, err error) {
	account, digits, named := strings.Cut(strings.TrimSpace(text), "=")
	if !named {
		account, digits = "", account
	} else if err := subjects.CheckAccount(account); err != nil {
		return "", 0, err
	}
	id, err = ParseChannel(digits)
	return account, id, err
}

// ParseChannel reads the id of a channel: bare, as in subjects, or below zero, as bots see it.
func ParseChannel(text string) (int64, error) {
	id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if c := subjects.FromBotAPI(id); c.Kind == subjects.Channel {
		id = c.ID
	}
	if err != nil || id <= 0 || id > subjects.MostID {
		return 0, fmt.Errorf("want the id of a channel, got %.40q", text)
	}
	return id, nil
}

func (s Settings) checkWatch() error {
	for _, text := range s.Watch {
		if _, _, err := watched(text); err != nil {
			return fmt.Errorf("NATSGRAM_WATCH: %w", err)
		}
	}
	return nil
}
