//go:build !unix

package datasets

// mapFile opens a file that is read piece by piece, as files cannot be mapped here.
func mapFile(path string) (mapping, error) { return openPlain(path) }
