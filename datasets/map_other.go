//go:build !unix

package datasets

// mapFile opens a file that is read piece by piece where files cannot be mapped.
func mapFile(path string) (mapping, error) { return openPlain(path) }
