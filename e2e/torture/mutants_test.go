package torture

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var mutants = flag.Bool("torture.mutants", false, "run daemons with planted faults, which the torture has to find")

// mutant is a fault planted into one file of the daemon while it is built.
type mutant struct {
	name     string
	file     string
	old, new string
	only     string // what brings it out under torture; empty: it is not tortured
	want     string // what has to be found then
	test     string // the test of the daemon's own that finds it, as package and name; empty: there is none
	fails    string // what that says
}

var planted = []mutant{
	{
		// What a former owner has in flight gets into the stream. The server's memory of message ids, which would hide that
		// for two minutes, is out of the way too.
		name: "no fence", file: "bridge/stream/fence.go", only: natsLate, want: "stands twice",
		old: "func (f *fence) stamp(h nats.Header) {\n",
		new: "func (f *fence) stamp(h nats.Header) {\n\tif true {\n\t\th[jetstream.MsgIDHeader] = []string{h.Get(jetstream.MsgIDHeader) + \"?\" + strconv.FormatUint(f.epoch.Load(), 10)}\n\t\treturn\n\t}\n",
	},
	{
		name: "state saved before the publish", file: "bridge/account/driver.go", only: daemonKilled, want: "is missing",
		old: "\td.publisher.store(",
		new: "\td.ledger.mu.Lock()\n\t_ = d.ledger.state.Apply(b.State)\n\td.ledger.mu.Unlock()\n\td.ledger.save(context.Background())\n\td.publisher.store(",
	},
	{
		name: "Sure is always true", file: "bridge/lease/sure.go", test: "./bridge/lease TestSure", fails: "and it is sure", only: frozenLong, want: "two spoke for one account",
		old: "\t\treturn within(time.Now(), *l.member.sure.Load()) && l.leases.recordsSure()\n",
		new: "\t\treturn true\n",
	},
	{
		name: "a position one too far", file: "bridge/account/ledger.go", test: "./bridge/account TestNextOwnerGoesOn", fails: "", only: daemonEnded, want: "is missing",
		old: "\tstate, err := json.Marshal(&l.state)\n",
		new: "\tfar := l.state\n\tfar.Pts++\n\tstate, err := json.Marshal(&far)\n",
	},
	{
		name: "Sent is always no", file: "bridge/account/fault.go", test: "./bridge/account TestFaults", fails: "Sent:no", only: telegramLate, want: "Tg-Sent said no, and it reached Telegram",
		old: "\tsent := answer.Sent(mtproto.Reached(err).String())\n",
		new: "\tsent := answer.No\n",
	},
	{
		name: "a beginning said before it is stored", file: "bridge/account/ledger.go", test: "./bridge/account TestBeginningIsStoredFirst",
		fails: "it is said to be followed",
		old:   "\tcase begun && !l.said:\n",
		new:   "\tcase (begun || stored == 0) && !l.said:\n",
	},
	{
		// A claim that another daemon has left is taken for none, so that a call is made again of which nobody knows what became.
		name: "claims of former owners are passed over", file: "bridge/once/once.go", only: daemonKilled, want: "reached Telegram 2 times",
		old: "\t\tr.unknown = true\n",
		new: "\t\tr.unknown = false\n",
	},
	{
		// Calls to a chat go out in no order, as fast as they can be made ready.
		name: "a lane that overtakes", file: "bridge/turns/park.go", only: telegramLate, want: "was executed after",
		old: "\treturn j.turn\n}\n",
		new: "\treturn nil\n}\n",
	},
	{
		name: "a claim to an id is stored after the call alone", file: "bridge/once/once.go", only: daemonKilled, want: "reached Telegram 2 times",
		old: "\trevision, err := j.c.Store.Create(ctx, r.key, value, at)\n",
		new: "\t_, revision, err := j.c.Store.Get(ctx, r.key)\n\tif _, _ = value, at; errors.Is(err, storage.ErrNone) {\n\t\terr = nil\n\t} else if err == nil {\n\t\terr = errTaken\n\t}\n",
	},
	{
		name: "jobs are made without a record before", file: "bridge/queue/work.go", test: "./bridge/queue TestKilledAnywhere", fails: "want unknown sent",
		old: "\tif a.reads {\n\t\treturn nil\n\t}\n",
		new: "\tif a.reads || a.rec == nil {\n\t\treturn nil\n\t}\n",
	},
	{
		name: "writes go on where an account is frozen", file: "bridge/gate/freeze.go", test: "./bridge TestFreezeAccount", fails: "messages after the answer",
		old: "\tif f := g.frozen.Load(); f != nil {\n\t\treturn ctx, nil, f.refusal()\n\t}\n",
		new: "",
	},
	{
		name: "whoever was killed keeps its accounts", file: "bridge/lease/bury.go", only: daemonKilled, want: "without an owner though all was mended",
		old: "\tif soon || err != nil {\n\t\treturn false, err\n\t}\n",
		new: "\tif soon = true; soon || err != nil {\n\t\treturn false, err\n\t}\n",
	},
	{
		name: "requests passed on twice", file: "bridge/rpc/handover.go", test: "./bridge TestHandOverUnderLoad", fails: "",
		old: "\t\t\tif s.pass(kept.Work.(*job), served) {",
		new: "\t\t\tif s.pass(kept.Work.(*job), served) && s.pass(kept.Work.(*job), served) {",
	},
}

// TestMutants proves the torture test: with a fault planted, it has to find something wrong.
func TestMutants(t *testing.T) {
	if !*mutants {
		t.Skip("planted faults take minutes: -torture.mutants")
	}
	for _, m := range planted {
		t.Run(m.name, func(t *testing.T) {
			if m.test != "" {
				m.tested(t)
			}
			if m.only == "" {
				return
			}
			for seed := range uint64(3) {
				if m.caught(t, seed+1) {
					return
				}
			}
			t.Error("not found")
		})
	}
}

func (m *mutant) caught(t *testing.T, seed uint64) (found bool) {
	o := flags
	o.seed, o.length, o.catchUp, o.pause = seed, 50*time.Second, 40*time.Second, 4*time.Millisecond
	o.only, o.overlay = m.only, m.plant(t)
	t.Run("", func(t *testing.T) {
		problems := newRig(t, o).run(o)
		t.Logf("%d problems:\n%s", len(problems), strings.Join(problems[:min(len(problems), 10)], "\n"))
		found = strings.Contains(strings.Join(problems, "\n"), m.want)
	})
	return found
}

// tested runs a test of the daemon's own, which has to fail for the right reason.
func (m *mutant) tested(t *testing.T) {
	pkg, name, _ := strings.Cut(m.test, " ")
	c := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-overlay", m.plant(t), "-run", "^"+name+"$", pkg)
	c.Dir = "../.."
	out, err := c.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--- FAIL: "+name) || !strings.Contains(string(out), m.fails) {
		t.Errorf("not found: %v\n%s", err, out)
	}
	t.Logf("%s", out[:min(len(out), 1500)])
}

// The places where faults are planted are there.
func TestMutantsFit(t *testing.T) {
	for _, m := range planted {
		m.plant(t)
	}
}

// plant writes the changed file, and the overlay that puts it into its place.
func (m *mutant) plant(t *testing.T) (overlay string) {
	dir := t.TempDir()
	original, err := filepath.Abs(filepath.Join("../..", m.file))
	must(t, err)
	src, err := os.ReadFile(original)
	must(t, err)
	if strings.Count(string(src), m.old) != 1 {
		t.Fatalf("%s has changed: plant the fault anew, at\n%s", m.file, m.old)
	}
	changed := filepath.Join(dir, "mutant.go")
	must(t, os.WriteFile(changed, []byte(strings.Replace(string(src), m.old, m.new, 1)), 0o600))
	body, err := json.Marshal(map[string]any{"Replace": map[string]string{original: changed}})
	must(t, err)
	overlay = filepath.Join(dir, "overlay.json")
	must(t, os.WriteFile(overlay, body, 0o600))
	return overlay
}
