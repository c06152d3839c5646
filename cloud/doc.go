// Package cloud links object stores into gorgpt: s3:, of Amazon and all that speak its protocol, and gs:, Google's. An import
// of it is enough:
//
//	import _ "github.com/gorgpt/gorgpt/cloud"
//
//	func main() { cli.Main() }
//
// which is the command cloud/cmd/gorgpt:
//
//	go build -C cloud -o ~/bin/gorgpt ./cmd/gorgpt
//
// What stands behind a URL's question mark is for gocloud.dev's drivers, s3blob and gcsblob:
//
//	s3://bucket/texts?region=eu-west-1
//	s3://bucket/texts?region=us-east-1&endpoint=http://minio:9000&use_path_style=true
//
// Credentials are found where their programs leave them: AWS_ACCESS_KEY_ID, ~/.aws, the role of a machine;
// GOOGLE_APPLICATION_CREDENTIALS, gcloud auth application-default login.
//
// It is a module of its own because those drivers bring 60 others, and 33 MB of program, which who trains on files of
// his own has no use for.
package cloud
