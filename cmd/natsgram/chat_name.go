package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/subjects"
)

// peerWord is a word that names a peer, as requests have it: an object ({"_":"peerUser","user_id":"5"}), or text.
func peerWord(word string) any {
	if strings.HasPrefix(word, "{") && json.Valid([]byte(word)) {
		return json.RawMessage(word)
	}
	return word
}

// namedChat is a chat as KIND.ID. What is written so stands for itself, so that no daemon has to run; of all else (@name, a link, -1001234567890, me) the
// account's daemon says what a call would mean by it. Empty is no chat.
func namedChat(c *cobra.Command, account, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if _, err := subjects.ParseChat(text); err == nil {
		return text, nil
	}
	if strings.ContainsAny(text, "*>") {
		return "", misused(c, fmt.Errorf("chat %s: want one, as KIND.ID (channel.3), @name or a link", printable(text)))
	}
	var one peers.Shown
	if err := askPeers(c, account, "resolve", map[string]any{"peer": peerWord(text)}, &one); err != nil {
		return "", fmt.Errorf("chat %s: %w", printable(text), err)
	}
	return subjects.ChatRef{Kind: one.Kind, ID: one.ID}.String(), nil
}
