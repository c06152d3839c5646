// Package beam packs a corpus into token shards on Apache Beam. The items of package datasets/pack are the elements of
// a pipeline, which runs on any of Beam's runners: Prism, which is part of this program, Flink, Spark or Dataflow. The
// shards are byte for byte those of gorgpt pack. The pipeline is
//
//	Create(items) → Reshuffle → ParDo(Encode, which writes a part) → GroupByKey → the manifest of all parts
//
// after which the process that started it joins the parts. The corpus and the folder for the shards must be in a
// place that all workers can access: s3:, gs: or a shared disk.
//
// It is a separate module with its own command, gorgpt-beam, because Beam's library has a graph of some 300 modules and
// uses the command line for its own flags.
package beam
