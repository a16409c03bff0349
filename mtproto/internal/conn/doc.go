// Package conn carries a session over connections to a data centre. A [Wire] is one connection with its framing. A [Conn] has the
// session and serves it over one Wire after another: it writes what the session wants sent, hands it what comes, keeps its
// time, and hands its events to an [Owner]. Which connections are made, what the calls are and what answers mean is the
// Owner's business.
package conn
