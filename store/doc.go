// Package store reads and writes files by name: a path on this machine, or the URL of an object in
// a store, as in s3://bucket/texts/a.jsonl.
//
// A name whose scheme is file: is a path, of which all holds that does of paths: files are synced and
// renamed, and may be mapped. What stands after another scheme is a bucket and a key in it, character for
// character; settings of the driver may follow, as in s3://bucket/texts?region=eu-west-1. A driver is
// linked in where something imports it, which calls [Register]: this module has none but mem:, which keeps
// objects in this process, for tests. The module gorgpt/cloud has s3: and gs:, and a gorgpt with both.
//
//	f, err := store.Open("s3://bucket/texts/a.jsonl")  // read at any offset, a range at a time
//	w, err := store.Create("s3://bucket/packed/x.bin") // there as a whole after Commit, or not at all
//
// Object stores have no directories and no renaming: what tells that others are complete is written last.
package store
