// Package cloud links object stores into gorgpt: s3:, for Amazon S3 and others with its protocol, and gs:, for Google
// Cloud Storage. Importing it is enough:
//
//	import _ "github.com/gorgpt/gorgpt/cloud"
//
//	func main() { cli.Main() }
//
// This is the command cloud/cmd/gorgpt:
//
//	go build -C cloud -o ~/bin/gorgpt ./cmd/gorgpt
//
// The part of a URL after the question mark is for gocloud.dev's drivers, s3blob and gcsblob:
//
//	s3://bucket/texts?region=eu-west-1
//	s3://bucket/texts?region=us-east-1&endpoint=http://minio:9000&use_path_style=true
//
// Credentials are found in the usual places: AWS_ACCESS_KEY_ID, ~/.aws, the role of a machine;
// GOOGLE_APPLICATION_CREDENTIALS, gcloud auth application-default login.
//
// It is a separate module because the drivers depend on 60 other modules and add 33 MB to the program, which training on
// local files does not need.
package cloud
