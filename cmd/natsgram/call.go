package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/bus"
	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
)

// callOptions is what the flags of call choose.
type callOptions struct {
	timeout           time.Duration
	id, accept        string
	headers           []string
	readOnly, compact bool
	dryRun            bool
}

func callCommand() *cobra.Command {
	var o callOptions
	c := &cobra.Command{
		Use:   "call ACCOUNT METHOD [key=value...]",
		Short: "Call a method of Telegram through the daemon",
		Long: `Call a method of Telegram through the daemon, and print its result as JSON.

Parameters are words, or a JSON object on standard input or in a file: without words, or with the word - or @file (words are laid
over it).
  key=value      in the type that the schema gives key; lists as a,b,c
  a.b=value      a field of an object: peer._=inputPeerSelf
  key:=json      JSON as it is
  key=@file      the content of a file, for parameters of type bytes`,
		Example: `  natsgram call main help.getConfig
  natsgram call main messages.sendMessage peer=me message='from a terminal'
  natsgram call main users.getUsers id:='[{"_":"inputUserSelf"}]'
  natsgram call main messages.sendMessage @message.json message='another text'
  natsgram call main messages.sendMessage peer=me message=once --id order-17
  natsgram call main messages.getDialogs --dry-run limit=5   what would be sent
  echo '{"offset_peer":{"_":"inputPeerEmpty"},"limit":5}' |
    natsgram call main messages.getDialogs - offset_date=0 offset_id=0 hash=0`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error { return o.call(c, args[0], args[1], args[2:]) },
	}
	f := c.Flags()
	f.DurationVar(&o.timeout, "timeout", time.Minute, "how long to wait for the answer")
	f.StringVar(&o.id, "id", "", "Nats-Msg-Id: the same id again cannot send twice")
	f.BoolVar(&o.readOnly, "ro", false, "by the read-only subject, which serves methods that change nothing")
	f.BoolVarP(&o.compact, "compact", "c", false, "the result as the daemon sent it, in one line")
	f.StringVar(&o.accept, "accept", "", "what the result comes as: json, msgpack or tl (or a whole content type), written as it is")
	f.StringArrayVar(&o.headers, "header", nil, "a header of the request, as 'Name: value' (may be given again)")
	f.BoolVar(&o.dryRun, "dry-run", false, "print subject, headers and body, and send nothing")
	return c
}

func (o callOptions) call(c *cobra.Command, account, method string, words []string) error {
	set, schema, err := loadSchema(c)
	if err != nil {
		return err
	}
	if err := checkAccount(c, account); err != nil {
		return err
	}
	f := schema.Function(method)
	m := nats.NewMsg(set.Scheme().RPC(account, method))
	if o.readOnly {
		m.Subject = set.Scheme().RO(account, method)
	}
	if m.Data, err = callBody(c.InOrStdin(), words, f); err == nil {
		err = o.fill(m.Header)
	}
	if err == nil && o.timeout <= 0 {
		err = fmt.Errorf("--timeout %v: want some time", o.timeout)
	}
	switch {
	case errors.As(err, new(*fs.PathError)):
		return err
	case err != nil:
		return misused(c, err)
	case o.dryRun:
		return printRequest(c.OutOrStdout(), m)
	}
	reply, err := request(c.Context(), set, m, o.timeout)
	if errors.Is(err, nats.ErrNoResponders) && f == nil {
		return fmt.Errorf("%w\nLayer %d here has no method %s; see `natsgram methods WORD`", err, schema.Layer, method)
	}
	if err != nil {
		return err
	}
	if o.accept != "" && reply.Header.Get(subjects.HeaderErrorCode) == "" {
		_, err := c.OutOrStdout().Write(reply.Data)
		return err
	}
	return printReply(c.OutOrStdout(), reply, o.compact)
}

// contentTypes are short names of what a result may come as.
var contentTypes = map[string]string{"json": subjects.ContentJSON, "msgpack": subjects.ContentMsgpack, "tl": subjects.ContentTL}

// fill sets the headers of a request.
func (o callOptions) fill(h nats.Header) error {
	h.Set(subjects.HeaderContentType, contentTypes["json"])
	h.Set(subjects.HeaderTimeout, o.timeout.String())
	if o.id != "" {
		h.Set(subjects.HeaderMsgID, o.id)
	}
	if o.accept != "" {
		h.Set(subjects.HeaderAccept, cmp.Or(contentTypes[o.accept], o.accept))
	}
	for _, line := range o.headers {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" || strings.ContainsAny(line, "\r\n") {
			return fmt.Errorf("--header %q: want 'Name: value'", line)
		}
		h.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return nil
}

// printRequest shows what would be sent, and where to.
func printRequest(out io.Writer, m *nats.Msg) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "subject: %s\n", m.Subject)
	for _, name := range slices.Sorted(maps.Keys(m.Header)) {
		for _, value := range m.Header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", m.Data)
	_, err := b.WriteTo(out)
	return err
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

// readInput reads standard input when a word - asks for it, the file of a word @file, and standard input also when there are no
// words though the method has parameters and somebody pipes something in. An input that nobody asked for is left alone: it may be
// a pipe that never ends.
func readInput(in io.Reader, words []string, f *tl.Combinator) (input []byte, rest []string, err error) {
	var from []string
	for _, w := range words {
		if w == "-" || strings.HasPrefix(w, "@") && !strings.Contains(w, "=") {
			from = append(from, w)
		} else {
			rest = append(rest, w)
		}
	}
	piped := len(words) == 0 && (f == nil || len(f.Params) > 0) && isPiped(in)
	switch {
	case len(from) > 1:
		return nil, nil, fmt.Errorf("%s: want one of them", strings.Join(from, " and "))
	case len(from) == 1 && from[0] != "-":
		input, err = os.ReadFile(from[0][1:])
	case len(from) == 1 || piped:
		input, err = io.ReadAll(in)
	}
	return bytes.TrimSpace(input), rest, err
}

// isPiped reports whether in is a file or pipe, as against a terminal, /dev/null or nothing at all.
func isPiped(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return in != nil
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice == 0
}

// onTheWay is how much longer we wait than the daemon was told: when the time is over, it knows more of the call than we do.
const onTheWay = 500 * time.Millisecond

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
	return ask(ctx, nc, m, timeout)
}

// ask is request over a connection that is there.
func ask(ctx context.Context, nc *nats.Conn, m *nats.Msg, timeout time.Duration) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout+onTheWay)
	defer cancel()
	if m.Header.Get(subjects.HeaderTimeout) == "" {
		m.Header.Set(subjects.HeaderTimeout, timeout.String())
	}
	ctx, done := untilRefused(ctx, nc, m.Subject)
	defer done()
	reply, err := client.Request(ctx, nc, m)
	var denied *deniedError
	switch {
	case errors.As(context.Cause(ctx), &denied):
		return nil, denied
	case errors.Is(err, nats.ErrNoResponders):
		return nil, fmt.Errorf("%w on %s: is `natsgram serve` running, and the account signed in there? (`nats micro ls`)", err, m.Subject)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("no answer within %s; whether the call was executed is unknown", timeout)
	}
	return reply, err
}

// deniedError says that a NATS user lacks the right to make a request, or to get its answer. Nobody has heard of the request, or else its answer
// comes to nobody.
type deniedError struct{ what string }

func (e *deniedError) Error() string {
	return "this NATS user may not " + e.what + ": natsgram permissions prints what each role may"
}

// untilRefused is for a request on a subject, "" on whichever: the context ends as soon as NATS refuses it, or its answer. NATS tells that on the
// connection, and not in answer to what was sent; everything else that it tells goes where it went before. done has all of it go there again.
func untilRefused(ctx context.Context, nc *nats.Conn, subject string) (_ context.Context, done func()) {
	ctx, end := context.WithCancelCause(ctx)
	next := nc.ErrorHandler()
	nc.SetErrorHandler(refusal(subject, next, end))
	return ctx, func() {
		nc.SetErrorHandler(next)
		end(nil)
	}
}

// refusal ends a request that NATS refuses.
func refusal(subject string, next nats.ErrHandler, end func(error)) nats.ErrHandler {
	return func(nc *nats.Conn, sub *nats.Subscription, err error) {
		switch r, ok := bus.RefusalOf(err); {
		case ok && !r.Publish:
			end(&deniedError{"subscribe to " + r.Subject + ", where the answer comes (NATS_INBOX_PREFIX)"})
		case ok && (subject == "" || r.Subject == subject):
			end(&deniedError{"publish to " + r.Subject})
		case next != nil:
			next(nc, sub, err)
		}
	}
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
	switch answer.Sent(h.Get(subjects.HeaderSent)) {
	case answer.No:
		notes = append(notes, "Telegram was not asked to execute the call")
	case answer.Unknown:
		notes = append(notes, "whether Telegram executed it is unknown")
	}
	text := fmt.Sprintf("%s (%s)", h.Get(subjects.HeaderErrorText), code)
	if len(notes) > 0 {
		text += "; " + strings.Join(notes, "; ")
	}
	return &faultError{code, text}
}

// faultError is an error that the daemon answers with.
type faultError struct{ code, text string }

func (e *faultError) Error() string { return e.text }

// hasCode reports whether a daemon has answered with an error of that code.
func hasCode(err error, code string) bool {
	var fault *faultError
	return errors.As(err, &fault) && fault.code == code
}

// passing reports whether a request that changes nothing may be answered when it is made again: nobody has answered it, or only that it is to be
// made later.
func passing(err error) bool {
	var fault *faultError
	var denied *deniedError
	return !errors.As(err, &denied) && (!errors.As(err, &fault) || fault.code == "503")
}
