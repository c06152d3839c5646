// Package show displays pictures and HTML from a cell of a notebook, on gophernotes and
// on GoNB.
//
//	show.SVG(draw.SVG(s.Nodes(), draw.Options{}))
//
// Make the call the last expression of its cell. Under gophernotes the kernel renders the
// value that the call returns; under GoNB the call itself sends the output. What a
// function that draws returns is passed on whole, its error too: the cell then fails.
package show
