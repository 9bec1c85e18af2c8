/**
 * The last minutes of an error rate, small enough for a row of a table.
 *
 * All rows have one scale, so that the link that stands out does so to the eye. The figure stands beside
 * it: for whoever does not see it, it is not there.
 *
 * @module
 */

import { useComputedColorScheme } from '@mantine/core'
import { useEffect, useRef } from 'react'
import { followSamples, type Sample } from '../live.ts'

export function Sparkline({ link }: { readonly link: string }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const scheme = useComputedColorScheme('light')
  useEffect(() => {
    const pen = canvas.current?.getContext('2d')
    return pen ? followSamples(link, (samples) => draw(pen, samples, STROKES[scheme])) : undefined
  }, [link, scheme])
  return (
    <canvas
      ref={canvas}
      width={2 * WIDTH}
      height={2 * HEIGHT}
      className="spark"
      aria-hidden="true"
    />
  )
}

function draw(pen: CanvasRenderingContext2D, samples: readonly Sample[], stroke: string): void {
  pen.resetTransform()
  pen.clearRect(0, 0, 2 * WIDTH, 2 * HEIGHT)
  pen.scale(2, 2)
  pen.strokeStyle = stroke
  pen.lineWidth = 1.5
  pen.beginPath()
  const shown = samples.slice(-WIDTH)
  let isDrawing = false
  for (const [at, { qber }] of shown.entries()) {
    if (qber === null) {
      isDrawing = false
      continue
    }
    const y = HEIGHT - 1 - (HEIGHT - 2) * Math.min(1, qber / QBER_MAX)
    const x = WIDTH - shown.length + at
    if (isDrawing) pen.lineTo(x, y)
    else pen.moveTo(x, y)
    isDrawing = true
  }
  pen.stroke()
}

/** Pixels; one sample is one wide. */
const WIDTH = 120
const HEIGHT = 22
/** Where no key is left, whatever the protocol. */
const QBER_MAX = 0.12
const STROKES = { light: '#0b7285', dark: '#3bc9db' } as const
