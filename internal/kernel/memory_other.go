//go:build !linux

package kernel

func askForHugePages([]float32) {}
