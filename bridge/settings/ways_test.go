package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWays(t *testing.T) {
	const key = "00112233445566778899aabbccddeeff"
	for value, want := range map[string]string{
		"":                         "main [] other []",
		"direct":                   "main [direct] other [direct]",
		"wss, socks5://u:hush@h:1": "main [wss socks5://***@h:1] other [wss socks5://***@h:1]",
		"tg://proxy?server=h&port=1&secret=" + key + ",direct": "main [mtproxy://***@h:1 direct] other [mtproxy://***@h:1 direct]",
		"main=wss,direct,main=direct+padded":                   "main [wss direct+padded] other [direct]",
		"main=tg://proxy?server=h&port=1&secret=" + key:        "main [mtproxy://***@h:1] other []",
	} {
		clean(t)
		t.Setenv("NATSGRAM_WAYS", value)
		s, err := LoadOver(nil)
		if err != nil {
			t.Fatalf("%s: %v", value, err)
		}
		main, err1 := s.WaysOf("main")
		other, err2 := s.WaysOf("other")
		if got := fmt.Sprintf("main %v other %v", main, other); got != want || err1 != nil || err2 != nil {
			t.Errorf("%s: %s, %v, %v", value, got, err1, err2)
		}
		if all := s.String() + fmt.Sprint(s.Describe()); strings.Contains(all, "hush") || strings.Contains(all, key) {
			t.Errorf("%s: %s", value, all)
		}
	}
}

func TestWaysFromFile(t *testing.T) {
	clean(t)
	file := filepath.Join(t.TempDir(), "ways")
	if err := os.WriteFile(file, []byte("socks5://u:p@h:1\r\n\nwss\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NATSGRAM_WAYS_FILE", file)
	s, err := LoadOver(nil)
	if err != nil {
		t.Fatal(err)
	}
	if ways, err := s.WaysOf("main"); fmt.Sprint(ways) != "[socks5://***@h:1 wss]" || err != nil {
		t.Error(ways, err)
	}
}

func TestWrongWaysAreNamed(t *testing.T) {
	for _, value := range []string{"direct,hush", "direct,main=hush", "wss,socks5://me:hush@"} {
		clean(t)
		t.Setenv("NATSGRAM_WAYS", value)
		if _, err := LoadOver(nil); err == nil || !strings.Contains(err.Error(), "NATSGRAM_WAYS: way 2") || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", value, err)
		}
	}
}
