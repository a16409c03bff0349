package subjects

import (
	"strings"
	"testing"
)

// What a caller writes where the answer is to go, and whether it goes there.
func TestReplies(t *testing.T) {
	r, err := tg.Replies("replies", "app.in")
	if err != nil {
		t.Fatal(err)
	}
	for reply, want := range map[string]bool{
		"_INBOX.abc":                          true,
		"_INBOX.abc.def.7":                    true,
		"_INBOX_.alice.abc":                   true,
		"_INBOX":                              true,
		"_R_.Xy12.Zz":                         true,
		"replies":                             true,
		"replies.7":                           true,
		"app.in.7":                            true,
		"":                                    false,
		"app.inn.7":                           false,
		"app":                                 false,
		"repliesx":                            false,
		"inbox.7":                             false,
		"_inbox.7":                            false,
		"_INBO":                               false,
		"_GR_.a.b._INBOX.c":                   false,
		"x._INBOX.7":                          false,
		"$KV.TG_SESSIONS.main":                false,
		"$JS.API.STREAM.PURGE.TG_UPDATES":     false,
		"$JS.ACK.TG_UPDATES.x.1.1.1.1.0":      false,
		"$O.TG_SCHEMA.C.x":                    false,
		"$SRV.PING":                           false,
		"$_INBOX.7":                           false,
		"tg.upd.main.updateNewMessage.user.5": false,
		"tg.own.main":                         false,
		"tg.ctl.main.logout":                  false,
		"tg.int.x.ping":                       false,
		"tg":                                  false,
		"tgx.y":                               false,
		"_INBOX.*":                            false,
		"_INBOX.>":                            false,
		"_INBOX..x":                           false,
		"_INBOX.":                             false,
		"_INBOX.a b":                          false,
		"_INBOX.a\r\nPUB tg.own.main 0":       false,
		"_INBOX.a\x00":                        false,
		"_INBOX.\x7f":                         false,
		">":                                   false,
		".":                                   false,
		"_INBOX." + strings.Repeat("a", MaxReply):                false,
		"_INBOX." + strings.Repeat("a", MaxReply-len("_INBOX.")): true,
	} {
		if got := r.Allow(reply); got != want {
			t.Errorf("%.80q: %v", reply, got)
		}
	}
}

func TestReplyPrefixes(t *testing.T) {
	prod := Scheme{"prod.tg"}
	for prefix, want := range map[string]string{
		"replies": "", "a.b-c.d_e": "", "prod.other": "", "tg": "", "product": "", "a:b/c": "",
		"$KV": "begins with $", "$JS.API": "begins with $", "$": "begins with $",
		"prod": "own subjects", "prod.tg": "own subjects", "prod.tg.upd": "own subjects",
		"a.*": "wildcards", "a.>": "wildcards", ">": "wildcards", "*": "wildcards",
		"a..b": "whole tokens", "a.": "whole tokens", ".a": "whole tokens", "": "whole tokens", "a b": "whole tokens", "a\n": "whole tokens",
		strings.Repeat("x", 600): "whole tokens",
	} {
		_, err := prod.Replies(prefix)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.60q: %v", prefix, err)
		}
	}
	for _, prefix := range []string{"_INBOX", "_INBOXx.tg", "_R_", "_R_x"} {
		if _, err := New(prefix); err == nil {
			t.Errorf("%s: answers go there, and it may be the prefix of all subjects", prefix)
		}
	}
}

// Whatever a reply looks like: one that is allowed reaches nothing of the daemon's and nothing of the server's.
func FuzzReplies(f *testing.F) {
	for _, seed := range []string{"_INBOX.a", "$KV.x", "tg.upd.a", "replies.x", "_R_.x", "tg..a"} {
		f.Add(seed, "replies", "tg")
	}
	f.Fuzz(func(t *testing.T, reply, more, prefix string) {
		s, err := New(prefix)
		if err != nil {
			return
		}
		r, err := s.Replies(more)
		if err != nil {
			r, _ = s.Replies()
		}
		if !r.Allow(reply) {
			return
		}
		if strings.ContainsAny(reply, " \t\r\n*>") || len(reply) > MaxReply || reply[0] == '$' || strings.HasPrefix(reply+".", prefix+".") {
			t.Errorf("prefix %q, more %q: %q is allowed", prefix, more, reply)
		}
	})
}
