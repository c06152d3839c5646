package kernel

// vectorsGeneric is the set in plain Go, the reference for the others.
var vectorsGeneric = vectors{
	activate: [activations]func(out, x []float32){
		GELUTanh: func(out, x []float32) { apply(out, x, geluTanh) },
		GELUErf:  func(out, x []float32) { apply(out, x, geluErf) },
		ReLU:     func(out, x []float32) { apply(out, x, relu) },

		SquaredReLU: func(out, x []float32) { apply(out, x, squaredReLU) },
		SiLU:        func(out, x []float32) { apply(out, x, silu) },
		QuickGELU:   func(out, x []float32) { apply(out, x, quickGELU) },
	},
	activateGrad: [activations]func(dx, x, dy []float32){
		GELUTanh: func(dx, x, dy []float32) { applyGrad(dx, x, dy, geluTanhGrad) },
		GELUErf:  func(dx, x, dy []float32) { applyGrad(dx, x, dy, geluErfGrad) },
		ReLU:     func(dx, x, dy []float32) { applyGrad(dx, x, dy, reluGrad) },

		SquaredReLU: func(dx, x, dy []float32) { applyGrad(dx, x, dy, squaredReLUGrad) },
		SiLU:        func(dx, x, dy []float32) { applyGrad(dx, x, dy, siluGrad) },
		QuickGELU:   func(dx, x, dy []float32) { applyGrad(dx, x, dy, quickGELUGrad) },
	},
	maximum:        maximum,
	sum:            sum,
	dot:            dot,
	sumExp:         sumExp,
	expSum:         expSum,
	expScale:       expScale,
	softCap:        softCap,
	softCapSlope:   softCapSlope,
	softCapGrad:    softCapGrad,
	softmaxGrad:    softmaxGrad,
	logSoftmax:     logSoftmax,
	logSoftmaxGrad: logSoftmaxGrad,

	sigmoid:     func(out, x []float32) { apply(out, x, sigmoid) },
	sigmoidGrad: sigmoidGrad,

	add:     add,
	mul:     mul,
	axpy:    axpy,
	scale:   scaled,
	sumRows: sumRows,

	squares:        squares,
	normalize:      normalize,
	normSums:       normSums,
	normGrad:       normGrad,
	normGradParams: normGradParams,

	turnHalves:    turnHalves,
	turnNeighbors: turnNeighbors,

	dropout:    dropout,
	adamW:      (*AdamW).update,
	sumSquares: sumSquares,
}

// apply sets out to f of each element, rounded.
func apply(out, x []float32, f func(float64) float64) {
	for i, v := range x {
		out[i] = float32(f(float64(v)))
	}
}

func applyGrad(dx, x, dy []float32, f func(float64) float64) {
	for i, v := range x {
		dx[i] = dy[i] * float32(f(float64(v)))
	}
}
