package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// prometheus keeps what it scrapes of one daemon, and evaluates docs/alerts.yml on it as Prometheus does. By its clock a minute passes
// from one scrape to the next, so that a condition that has to last needs no waiting.
type prometheus struct {
	t      *testing.T
	url    string
	rules  []rulefmt.Rule
	engine *promql.Engine
	now    time.Time
	series map[string]*storage.SeriesEntry
	points map[string][]chunks.Sample
}

const scrapeEvery = time.Minute

func newPrometheus(t *testing.T, url string) *prometheus {
	t.Helper()
	text, err := os.ReadFile("../../docs/alerts.yml")
	must(t, err)
	groups, errs := rulefmt.Parse(text, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler)) // what promtool check rules does
	if len(errs) > 0 {
		t.Fatalf("docs/alerts.yml: %v", errs)
	}
	p := &prometheus{t: t, url: url, now: time.Unix(1_800_000_000, 0), points: map[string][]chunks.Sample{}, series: map[string]*storage.SeriesEntry{}}
	for _, g := range groups.Groups {
		p.rules = append(p.rules, g.Rules...)
	}
	p.engine = promql.NewEngine(promql.EngineOpts{MaxSamples: 1_000_000, Timeout: time.Minute, LookbackDelta: 90 * time.Second})
	return p
}

// scrape takes in the daemon's metrics as they are now.
func (p *prometheus) scrape(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/metrics", nil)
	must(p.t, err)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	p.now = p.now.Add(scrapeEvery)
	d := &expfmt.SampleDecoder{Dec: expfmt.NewDecoder(resp.Body, expfmt.NewFormat(expfmt.TypeTextPlain)), Opts: &expfmt.DecodeOptions{Timestamp: model.TimeFromUnixNano(p.now.UnixNano())}}
	for {
		var all model.Vector
		if err := d.Decode(&all); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		for _, s := range all {
			p.add(s)
		}
	}
}

func (p *prometheus) add(s *model.Sample) {
	b := labels.NewBuilder(labels.EmptyLabels())
	for k, v := range s.Metric {
		b.Set(string(k), string(v))
	}
	set := b.Labels()
	key := set.String()
	p.points[key] = append(p.points[key], point{int64(s.Timestamp), float64(s.Value)})
	p.series[key] = storage.NewListSeries(set, p.points[key])
}

// firing are the alerts that fire now: their condition held at every scrape for as long as they want.
func (p *prometheus) firing() (all []string) {
	p.t.Helper()
	for _, r := range p.rules {
		holds := true
		for ago := time.Duration(0); holds && ago <= time.Duration(r.For); ago += scrapeEvery {
			holds = p.holds(r.Expr, p.now.Add(-ago))
		}
		if holds {
			all = append(all, r.Alert)
		}
	}
	return all
}

func (p *prometheus) holds(expr string, at time.Time) bool {
	p.t.Helper()
	q, err := p.engine.NewInstantQuery(p.t.Context(), p, nil, expr, at)
	must(p.t, err)
	defer q.Close()
	v, err := q.Exec(p.t.Context()).Vector()
	must(p.t, err)
	return len(v) > 0
}

// fires scrapes until an alert does.
func (p *prometheus) fires(alert string) {
	p.t.Helper()
	p.until(alert+" fires", func(all []string) bool { return slices.Contains(all, alert) })
}

// quiet scrapes until none does.
func (p *prometheus) quiet() {
	p.t.Helper()
	p.until("no alert fires", func(all []string) bool { return len(all) == 0 })
}

func (p *prometheus) until(what string, is func([]string) bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 90*time.Second)
	defer cancel()
	var all []string
	for n := 0; ; n++ {
		err := p.scrape(ctx)
		if err == nil {
			if all = p.firing(); n > 0 && is(all) {
				return
			}
		}
		if ctx.Err() != nil {
			p.t.Fatalf("%s: not in time; %v fire, %v\n%s", what, all, err, p.get("/readyz"))
		}
		pause(ctx, 200*time.Millisecond)
	}
}

func (p *prometheus) get(path string) string {
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}).Get(p.url + path)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return fmt.Sprintf("%s %s %v", resp.Status, body, err)
}

// point is a sample.
type point struct {
	at int64
	v  float64
}

func (s point) T() int64                      { return s.at }
func (s point) ST() int64                     { return 0 }
func (s point) F() float64                    { return s.v }
func (s point) H() *histogram.Histogram       { return nil }
func (s point) FH() *histogram.FloatHistogram { return nil }
func (s point) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s point) Copy() chunks.Sample           { return s }

// Querier is for storage.Queryable.
func (p *prometheus) Querier(int64, int64) (storage.Querier, error) { return p, nil }

// Select is for storage.Querier.
func (p *prometheus) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	var found seriesSet
	for _, s := range p.series {
		set := s.Labels()
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(set.Get(m.Name)) }) {
			found.all = append(found.all, s)
		}
	}
	slices.SortFunc(found.all, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
	return &found
}

// LabelValues, LabelNames and Close are for storage.Querier; nothing asks.
func (p *prometheus) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (p *prometheus) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (p *prometheus) Close() error { return nil }

// seriesSet is what was selected.
type seriesSet struct {
	all []storage.Series
	at  int
}

func (s *seriesSet) Next() bool                        { s.at++; return s.at <= len(s.all) }
func (s *seriesSet) At() storage.Series                { return s.all[s.at-1] }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }

// The rules say what they mean to say, on figures that are made up.
func TestRulesForAlerts(t *testing.T) {
	p := newPrometheus(t, "")
	if len(p.rules) < 8 {
		t.Errorf("%d rules", len(p.rules))
	}
	step := func(metrics ...*model.Sample) {
		p.now = p.now.Add(scrapeEvery)
		for _, s := range metrics {
			s.Timestamp = model.TimeFromUnixNano(p.now.UnixNano())
			p.add(s)
		}
	}
	of := func(v float64, name string, more ...string) *model.Sample {
		m := model.Metric{"__name__": model.LabelValue(name)}
		for i := 0; i < len(more); i += 2 {
			m[model.LabelName(more[i])] = model.LabelValue(more[i+1])
		}
		return &model.Sample{Metric: m, Value: model.SampleValue(v)}
	}
	held := func(v float64) *model.Sample { return of(v, "natsgram_updates_held_seconds", "account", "main") }
	step(held(0), of(1, "natsgram_lease_held"))
	step(held(4), of(1, "natsgram_lease_held"))
	if all := p.firing(); len(all) != 0 {
		t.Errorf("too early: %v", all)
	}
	step(held(64), of(0, "natsgram_lease_held"))
	if all := p.firing(); !slices.Equal(all, []string{"NatsgramUpdatesNotStored"}) && !slices.Equal(all, []string{"NatsgramUpdatesNotStored", "NatsgramLeaseLost"}) {
		t.Errorf("%v", all)
	}
	step(held(0), of(math.NaN(), "natsgram_lease_held"), of(1, "natsgram_gaps_total", "account", "main", "reason", "too long"))
	if all := p.firing(); slices.Contains(all, "NatsgramUpdatesNotStored") || !slices.Contains(all, "NatsgramGaps") {
		t.Errorf("the one is over, the other the first: %v", all)
	}
}
