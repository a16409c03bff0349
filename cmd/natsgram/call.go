package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/bus"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
)

func callCommand() *cobra.Command {
	var timeout time.Duration
	var id string
	var readOnly, compact bool
	c := &cobra.Command{
		Use:   "call ACCOUNT METHOD [key=value...]",
		Short: "Call a method of Telegram through the daemon",
		Long: `Call a method of Telegram through the daemon, and print its result as JSON.

Parameters are words, or a JSON object on standard input: without words, or with the word - (words are laid over it).
  key=value      in the type that the schema gives key; lists as a,b,c
  a.b=value      a field of an object: peer._=inputPeerSelf
  key:=json      JSON as it is
  key=@file      the content of a file, for parameters of type bytes`,
		Example: `  natsgram call main help.getConfig
  natsgram call main messages.sendMessage peer._=inputPeerSelf message='from a terminal'
  natsgram call main users.getUsers id:='[{"_":"inputUserSelf"}]'
  echo '{"offset_peer":{"_":"inputPeerEmpty"},"limit":5}' | natsgram call main messages.getDialogs - offset_date=0 offset_id=0 hash=0`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			set, schema, err := loadSchema()
			if err != nil {
				return err
			}
			if err := subjects.CheckAccount(args[0]); err != nil {
				return err
			}
			f := schema.Function(args[1])
			body, err := callBody(c.InOrStdin(), args[2:], f)
			if err != nil {
				return err
			}
			m := nats.NewMsg(set.Scheme().RPC(args[0], args[1]))
			if readOnly {
				m.Subject = set.Scheme().RO(args[0], args[1])
			}
			m.Header.Set(subjects.HeaderContentType, "application/json")
			if id != "" {
				m.Header.Set(subjects.HeaderMsgID, id)
			}
			m.Data = body
			reply, err := request(c.Context(), set, m, timeout)
			if errors.Is(err, nats.ErrNoResponders) && f == nil {
				return fmt.Errorf("%w\nLayer %d here has no method %s; see `natsgram methods WORD`", err, schema.Layer, args[1])
			}
			if err != nil {
				return err
			}
			if why := reply.Header.Get(subjects.HeaderRedacted); why != "" {
				fmt.Fprintf(c.ErrOrStderr(), "The daemon withholds a part of the answer: %s.\n", why)
			}
			return printReply(c.OutOrStdout(), reply, compact)
		},
	}
	c.Flags().DurationVar(&timeout, "timeout", time.Minute, "how long to wait for the answer")
	c.Flags().StringVar(&id, "id", "", "Nats-Msg-Id: the same id again cannot send twice")
	c.Flags().BoolVar(&readOnly, "ro", false, "by the read-only subject, which serves methods that change nothing")
	c.Flags().BoolVarP(&compact, "compact", "c", false, "the result as the daemon sent it, in one line")
	return c
}

// callBody is the parameters as JSON: the words, laid over standard input where it is read. Input alone goes as it is, so
// that the daemon says what is wrong with it.
func callBody(in io.Reader, words []string, f *tl.Combinator) ([]byte, error) {
	input, words, err := readInput(in, words, f)
	if err != nil || len(words) == 0 && len(input) > 0 {
		return input, err
	}
	params := map[string]any{}
	if len(input) > 0 {
		base := map[string]json.RawMessage{}
		if err := json.Unmarshal(input, &base); err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
		for k, v := range base {
			params[k] = v
		}
	}
	given, err := paramsOf(words, f)
	if err != nil {
		return nil, err
	}
	maps.Copy(params, given)
	return json.Marshal(params)
}

// readInput reads standard input when a word - asks for it, or when there are no words though the method has parameters
// and somebody pipes something in. An input that nobody asked for is left alone: it may be a pipe that never ends.
func readInput(in io.Reader, words []string, f *tl.Combinator) (input []byte, rest []string, err error) {
	rest = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "-" })
	asked := len(rest) < len(words)
	piped := len(words) == 0 && (f == nil || len(f.Params) > 0) && isPiped(in)
	if !asked && !piped {
		return nil, rest, nil
	}
	input, err = io.ReadAll(in)
	return bytes.TrimSpace(input), rest, err
}

// isPiped says whether in is a file or pipe, as against a terminal, /dev/null or nothing at all.
func isPiped(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return in != nil
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice == 0
}

// request sends m and waits. It says what to do where nobody answers.
func request(ctx context.Context, set settings.Settings, m *nats.Msg, timeout time.Duration) (*nats.Msg, error) {
	nc, err := bus.Connect(set, "natsgram-cli")
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	if limit := nc.MaxPayload(); int64(len(m.Data)) > limit {
		return nil, fmt.Errorf("the request has %d bytes, NATS takes %d (max_payload)", len(m.Data), limit)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	m.Header.Set(subjects.HeaderTimeout, timeout.String())
	reply, err := nc.RequestMsgWithContext(ctx, m)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, fmt.Errorf("%w on %s: is `natsgram serve` running, and the account signed in there? (`nats micro ls`)", err, m.Subject)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("no answer within %s; whether the call was executed is unknown", timeout)
	}
	return reply, err
}

// printReply prints a result; an error reply becomes an error.
func printReply(out io.Writer, reply *nats.Msg, compact bool) error {
	if code := reply.Header.Get(subjects.HeaderErrorCode); code != "" {
		return replyError(code, reply.Header)
	}
	if compact || !json.Valid(reply.Data) {
		_, err := out.Write(append(reply.Data, '\n'))
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, reply.Data, "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := b.WriteTo(out)
	return err
}

func replyError(code string, h nats.Header) error {
	var notes []string
	if wait := h.Get(subjects.HeaderRetryAfter); wait != "" {
		notes = append(notes, "try again in "+wait+" s")
	}
	switch h.Get(subjects.HeaderSent) {
	case "no":
		notes = append(notes, "nothing was sent to Telegram")
	case "unknown":
		notes = append(notes, "whether Telegram executed it is unknown")
	}
	text := fmt.Sprintf("%s (%s)", h.Get(subjects.HeaderErrorText), code)
	if len(notes) > 0 {
		text += "; " + strings.Join(notes, "; ")
	}
	return errors.New(text)
}
