package rpc

import (
	"slices"
	"strconv"
	"strings"

	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/bridge/micro"
	"github.com/natsgram/natsgram/subjects"
)

// routes are the endpoints, and which of them a request is for.
type routes struct {
	perMethod bool
	endpoints map[string]*micro.Endpoint // by namespace, by method with perMethod
	readOnly  *micro.Endpoint
	stray     *micro.Endpoint            // counts requests to nowhere
	others    map[string]*micro.Endpoint // by subject, of other rooms
	rpcPrefix string                     // tg.rpc.main.
	roPrefix  string
}

func newRoutes(service *micro.Service, c *Config) *routes {
	r := &routes{
		perMethod: c.PerMethod, endpoints: map[string]*micro.Endpoint{}, others: map[string]*micro.Endpoint{}, stray: &micro.Endpoint{},
		rpcPrefix: c.Scheme.RPC(c.Account, ""), roPrefix: c.Scheme.RO(c.Account, ""),
	}
	if c.PerMethod {
		for _, m := range c.Methods.All() {
			about := map[string]string{"result": m.Fn.Result().String()}
			r.endpoints[m.Name] = service.Add(endpointName(m.Name), c.Scheme.RPC(c.Account, m.Name), about)
		}
	} else {
		for _, ns := range namespaces(c.Methods.All()) {
			about := map[string]string{"methods": strconv.Itoa(ns.methods)}
			r.endpoints[ns.name] = service.Add(endpointName(ns.name), c.Scheme.RPCNamespace(subjects.TreeRPC, c.Account, ns.name), about)
		}
	}
	for _, o := range c.Others {
		for name, subject := range o.Verbs {
			r.others[subject] = service.Add(name, subject, nil)
		}
	}
	r.readOnly = service.Add("read-only", c.Scheme.RO(c.Account, ">"), map[string]string{"about": "the same, methods that only read"})
	return r
}

// trees are the beginnings of the subjects that take requests.
func (r *routes) trees() []string { return []string{r.rpcPrefix, r.roPrefix} }

// find notes for which endpoint and which method a request is.
func (r *routes) find(j *job) {
	j.endpoint, j.method = r.of(j.Subject())
	if j.endpoint == nil {
		j.endpoint = r.stray
	}
	j.readOnly = j.endpoint == r.readOnly
}

// of finds the endpoint and the method's name of a request; nil: there is no such namespace, or method.
func (r *routes) of(subject string) (*micro.Endpoint, string) {
	if method, ok := strings.CutPrefix(subject, r.rpcPrefix); ok && method != "" {
		if r.perMethod {
			return r.endpoints[method], method
		}
		return r.endpoints[methods.Namespace(method)], method
	}
	if method, ok := strings.CutPrefix(subject, r.roPrefix); ok && method != "" {
		return r.readOnly, method
	}
	return nil, subject
}

type namespace struct {
	name    string
	methods int
}

func namespaces(sorted []*methods.Method) (all []namespace) {
	counts := map[string]int{}
	for _, m := range sorted {
		counts[methods.Namespace(m.Name)]++
	}
	for name, n := range counts {
		all = append(all, namespace{name, n})
	}
	slices.SortFunc(all, func(a, b namespace) int { return strings.Compare(a.name, b.name) })
	return all
}

// endpointName makes a name of a namespace or a method; functions without namespace are "root".
func endpointName(name string) string {
	if name == "" {
		return "root"
	}
	return strings.ReplaceAll(name, ".", "_")
}
