package mtproto

import (
	"fmt"

	"github.com/natsgram/natsgram/mtproto/reach"
	"github.com/natsgram/natsgram/tl/codec"
)

// encoded is what is encoded once: the calls that connections begin with, and what goes before calls of file traffic.
type encoded struct {
	o *Options

	getConfig      []byte
	inits          [][]byte // help.getConfig, wrapped in initConnection (D1), for each of the ways
	withoutUpdates []byte   // goes before calls of file traffic
	cdnHeader      []byte   // goes before calls at a CDN
}

// encode fails for a schema that lacks what the client needs.
func (e *encoded) encode(o *Options, ways *reach.Chooser) (err error) {
	e.o = o
	if e.getConfig, err = e.encodeCall(codec.M{"_": "help.getConfig"}); err != nil {
		return err
	}
	for i := range ways.Len() {
		init, err := e.initConnection(e.getConfig, ways.Way(i))
		if err != nil {
			return err
		}
		e.inits = append(e.inits, init)
	}
	wrapped, err := e.encodeCall(codec.M{"_": "invokeWithoutUpdates", "query": codec.Raw(e.getConfig)})
	if err != nil {
		return err
	}
	e.withoutUpdates = wrapped[:len(wrapped)-len(e.getConfig)]
	if wrapped, err = e.initConnectionCDN(e.getConfig); err != nil {
		return err
	}
	e.cdnHeader = wrapped[:len(wrapped)-len(e.getConfig)]
	return nil
}

func (e *encoded) encodeCall(call codec.M) ([]byte, error) {
	b, err := e.o.Schema.Encode(nil, call)
	if err != nil {
		return nil, fmt.Errorf("mtproto: schema: %w", err)
	}
	return b, nil
}

// initConnection puts initConnection around a query that goes a way (D1).
func (e *encoded) initConnection(query []byte, way reach.Way) ([]byte, error) {
	d := &e.o.Device
	init := codec.M{
		"_": "initConnection", "api_id": e.o.API.ID, "device_model": d.Model, "system_version": d.System,
		"app_version": d.App, "system_lang_code": d.SystemLang, "lang_pack": d.Pack, "lang_code": d.Lang,
		"query": codec.Raw(query),
	}
	if proxy := proxyOf(way); proxy != nil {
		init["proxy"] = proxy
	}
	return e.encodeCall(codec.M{"_": "invokeWithLayer", "layer": e.o.Schema.Layer(), "query": init})
}

// initConnectionCDN puts an initConnection around a query that tells nothing of device or user (D13).
func (e *encoded) initConnectionCDN(query []byte) ([]byte, error) {
	return e.encodeCall(codec.M{"_": "invokeWithLayer", "layer": e.o.Schema.Layer(), "query": codec.M{
		"_": "initConnection", "api_id": e.o.API.ID, "device_model": "n/a", "system_version": "n/a", "app_version": e.o.Device.App,
		"system_lang_code": "en", "lang_pack": "", "lang_code": "en", "query": codec.Raw(query),
	}})
}
