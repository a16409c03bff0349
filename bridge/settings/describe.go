package settings

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/kelseyhightower/envconfig"
)

// Setting is one line of `natsgram config`.
type Setting struct {
	Name    string // NATSGRAM_PREFIX
	Meaning string
	Default string
	Value   string // as set or by default; of a secret only that it is set
	Secret  bool
}

// masked stands for a secret that is set.
const masked = "********"

// Describe lists every setting with its present value, in a fixed order, secrets masked.
func (s Settings) Describe() []Setting {
	var all []Setting
	for _, f := range fieldsOf(&s) {
		one := Setting{Name: f.name(), Meaning: f.tag("desc"), Default: f.tag("default"), Secret: f.secret(), Value: f.text()}
		if one.Secret && one.Value != "" {
			one.Value = masked
		} else if f.tag("address") == "true" {
			one.Value = Redacted(one.Value)
		}
		all = append(all, one)
	}
	return all
}

// Redacted takes users, passwords and tokens out of addresses between commas. It reads them as text: an address that is none may
// hold a password all the same, and a user's name may be a token.
func Redacted(addresses string) string {
	all := strings.Split(addresses, ",")
	for i, one := range all {
		scheme, rest := "", one
		if name, after, found := strings.Cut(one, "://"); found {
			scheme, rest = name+"://", after
		}
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			all[i] = scheme + masked + rest[at:]
		} else if _, err := url.Parse("nats://" + rest); err != nil {
			all[i] = scheme + masked // the beginning of a password with a comma in it
		}
	}
	return strings.Join(all, ",")
}

// String is the settings with secrets masked, so that no log of them can leak one.
func (s Settings) String() string {
	var b strings.Builder
	for _, one := range s.Describe() {
		if one.Value != "" {
			fmt.Fprintf(&b, "%s=%s ", one.Name, one.Value)
		}
	}
	return strings.TrimSpace(b.String())
}

// GoString keeps %#v from printing what String hides.
func (s Settings) GoString() string { return s.String() }

// field is one setting of the struct.
type field struct {
	reflect.StructField
	value reflect.Value
}

func (f field) name() string           { return f.tag("envconfig") }
func (f field) tag(name string) string { return f.Tag.Get(name) }
func (f field) secret() bool           { return f.tag("secret") == "true" }
func (f field) file() string           { return f.name() + "_FILE" }

// fieldsOf lists the settings of all themes.
func fieldsOf(s *Settings) (all []field) {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		theme := v.Field(i)
		if theme.Kind() != reflect.Struct {
			continue
		}
		for j := range theme.NumField() {
			all = append(all, field{theme.Type().Field(j), theme.Field(j)})
		}
	}
	return all
}

// text is the value as it would stand in the environment.
func (f field) text() string {
	switch v := f.value.Interface().(type) {
	case []string:
		return strings.Join(v, ",")
	case int:
		if v == 0 && f.tag("default") == "" {
			return ""
		}
		return strconv.Itoa(v)
	case time.Duration:
		return shortDuration(v)
	default:
		return fmt.Sprint(v)
	}
}

// shortDuration leaves out the zero minutes and seconds that Duration.String ends with: 168h, not 168h0m0s.
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func (f field) setDefault() error {
	text := f.tag("default")
	if text == "" {
		return nil
	}
	switch f.value.Interface().(type) {
	case string:
		f.value.SetString(text)
	case bool:
		f.value.SetBool(text == "true")
	case time.Duration:
		d, err := time.ParseDuration(text)
		f.value.SetInt(int64(d))
		return err
	case int, int64:
		n, err := strconv.ParseInt(text, 10, 64)
		f.value.SetInt(n)
		return err
	default:
		return fmt.Errorf("%s: a default for %s", f.name(), f.Type)
	}
	return nil
}

// explain names the variable that cannot be read, never with its value: it may be a secret typed at the wrong place.
func explain(err error) error {
	var bad *envconfig.ParseError
	if errors.As(err, &bad) {
		return fmt.Errorf("%s: want %s", bad.KeyName, cmp.Or(wanted[bad.TypeName], bad.TypeName))
	}
	return err
}

// wanted is what a value of a type looks like to those who do not write Go.
var wanted = map[string]string{
	"int": "a number", "int64": "a number", "bool": "true or false", "time.Duration": "a time with its unit, such as 30s, 500ms or 2h",
}
