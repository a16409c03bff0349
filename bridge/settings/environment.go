package settings

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/natsgram/natsgram/tl/codec"
)

// environment is what was changed of the process's own for envconfig to read, and which settings it gives.
type environment struct {
	names map[string]bool
	undo  []func() error
}

// readEnvironment takes variables that are empty out, as docker compose makes them of what is not set, and puts the contents of
// X_FILE into X for every secret X that is not set itself.
func readEnvironment(over map[string]string) (*environment, error) {
	e := &environment{names: map[string]bool{}}
	for _, f := range fieldsOf(new(Settings)) {
		text, err := f.given()
		if other, ok := over[f.name()]; ok {
			text, err = other, nil
		}
		if err == nil {
			err = e.put(f.name(), text)
		}
		if err != nil {
			e.restore()
			return nil, fmt.Errorf("%s: %w", f.file(), err)
		}
	}
	return e, nil
}

// given is what the environment says of a setting; empty: nothing.
func (f field) given() (string, error) {
	if text := os.Getenv(f.name()); strings.TrimSpace(text) != "" {
		return text, nil
	}
	path := os.Getenv(f.file())
	if !f.secret() || strings.TrimSpace(path) == "" {
		return "", nil
	}
	return readSmall(path)
}

func (e *environment) put(name, text string) error {
	e.names[name] = text != ""
	before, there := os.LookupEnv(name)
	if before == text && there == (text != "") {
		return nil
	}
	e.undo = append(e.undo, func() error {
		if there {
			return os.Setenv(name, before)
		}
		return os.Unsetenv(name)
	})
	if text == "" {
		return os.Unsetenv(name)
	}
	return os.Setenv(name, text)
}

// restore leaves the environment as it was, so that it can be read again.
func (e *environment) restore() {
	for _, undo := range e.undo {
		_ = undo()
	}
}

// maxSecretFile bounds a file that stands for a secret, in bytes.
const maxSecretFile = 64 << 10

// readSmall reads a secret's file. One that is empty is an error: a secret that somebody meant to set is not one by default.
func readSmall(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Size() > maxSecretFile {
		return "", fmt.Errorf("%s is larger than %d bytes", path, maxSecretFile)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(b))
	switch {
	case text == "":
		return "", fmt.Errorf("%s is empty", path)
	case strings.ContainsRune(text, 0):
		return "", errors.New(path + " is not text")
	}
	return text, nil
}

// trimLists takes the spaces away that people write behind commas.
func (s *Settings) trimLists() {
	for _, f := range fieldsOf(s) {
		if list, ok := f.value.Interface().([]string); ok {
			for i := range list {
				list[i] = strings.TrimSpace(list[i])
			}
		}
	}
}

// ours is how the names of natsgram's own settings begin.
const ours = "NATSGRAM_"

// byKubernetes are the variables that a cluster gives every pod for a service that is called natsgram.
var byKubernetes = regexp.MustCompile(`^NATSGRAM(_\w+)?_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// Misspelt says of every variable of an environment (see os.Environ) that begins as natsgram's settings do and is none what was
// probably meant. Values are not shown.
func Misspelt(environ []string) (all []string) {
	for _, one := range environ {
		name, value, _ := strings.Cut(one, "=")
		switch {
		case !strings.HasPrefix(name, ours) || strings.TrimSpace(value) == "" || byKubernetes.MatchString(name):
		case strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://"): // Kubernetes too
		default:
			all = append(all, misspelt(name)...)
		}
	}
	slices.Sort(all)
	return all
}

func misspelt(name string) []string {
	short := func(name string) string { return strings.TrimPrefix(name, ours) }
	known, names := map[string]string{}, []string{}
	for _, f := range fieldsOf(new(Settings)) {
		switch {
		case name == f.name() || name == f.file() && f.secret():
			return nil
		case name == f.file():
			return []string{name + " is no setting: only secrets are read from files, so set " + f.name()}
		}
		known[short(f.name())] = f.name()
		names = append(names, short(f.name()))
		if f.secret() {
			known[short(f.file())] = f.file()
			names = append(names, short(f.file()))
		}
	}
	near := codec.Nearest(short(name), names)
	if len(near) == 0 { // a part of a name: ENCODING
		near = slices.DeleteFunc(names, func(known string) bool { return !strings.HasSuffix(known, "_"+short(name)) })
	}
	if len(near) == 0 {
		return []string{name + " is no setting; `natsgram config` lists them all"}
	}
	return []string{name + " is no setting; did you mean " + known[near[0]] + "?"}
}
