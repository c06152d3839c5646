// Package beam packs a corpus into token shards on Apache Beam: the items of package datasets/pack are elements of
// a pipeline, on whatever runs one: Prism, which is in this program, Flink, Spark or Dataflow. The shards have the bytes
// that gorgpt pack makes.
//
//	Create(items) → Reshuffle → ParDo(Encode, which writes a part) → GroupByKey → the manifest of all parts
//
// after which the parts are joined where the pipeline was begun. The corpus and the folder for the shards are in a
// place that all workers see: s3:, gs: or a shared disk.
//
// It is a module with a command of its own, gorgpt-beam, because Beam's library has a graph of some 300 modules, and takes the
// command line for its own flags.
package beam
