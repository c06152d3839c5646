// Package show displays pictures and HTML in a notebook, on gophernotes and on GoNB.
//
//	show.SVG(draw.SVG(s.Nodes(), draw.Options{}))
//
// The call must be the last expression of its cell. Under gophernotes, the kernel renders the value that the call
// returns; under GoNB, the call itself sends the output. The results of a drawing function, including its error,
// can be passed on directly; an error fails the cell.
package show
