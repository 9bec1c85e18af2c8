/**
 * The simplex search of Nelder and Mead: finds a maximum without derivatives, and always the same
 * one.
 *
 * Needs no randomness: the first simplex is the start and one step along each coordinate. May end
 * in a local maximum; whoever knows more starts it from several places.
 *
 * @see Nelder, Mead, Comput. J. 7, 308 (1965); coefficients 1, 2, 1/2, 1/2
 * @module
 */

/** A place and the score there. */
export interface Peak {
  readonly at: readonly number[]
  readonly score: number
  readonly evaluations: number
}

export interface Search {
  /** What to make as large as can be; −∞ where it is not defined. */
  readonly score: (at: readonly number[]) => number
  readonly start: readonly number[]
  /** First step along each coordinate. */
  readonly step: number
  /** Ends when the scores of the simplex differ by less. */
  readonly tolerance: number
  readonly evaluationsMax: number
}

/** Never worse than the start. */
export function maximise(search: Search): Peak {
  const { start, step, tolerance, evaluationsMax } = search
  let evaluations = 0
  const placed = (at: readonly number[]): Vertex => {
    evaluations++
    const score = search.score(at)
    return { at, score: Number.isNaN(score) ? -Infinity : score }
  }
  const simplex = [placed(start)]
  for (let axis = 0; axis < start.length; axis++) {
    simplex.push(placed(start.map((value, other) => (other === axis ? value + step : value))))
  }
  const sort = (): void => void simplex.sort((a, b) => b.score - a.score)
  sort()
  while (evaluations < evaluationsMax) {
    const [best, worst] = [simplex[0], simplex[start.length]]
    if (best.score - worst.score < tolerance && Number.isFinite(worst.score)) break
    const others = simplex.slice(0, start.length)
    const centre = start.map((_, axis) => mean(others.map(({ at }) => at[axis])))
    const along = (length: number): Vertex =>
      placed(centre.map((value, axis) => value + length * (value - worst.at[axis])))
    const better = moved(along, simplex)
    if (better === undefined) {
      for (let which = 1; which < simplex.length; which++) {
        simplex[which] = placed(simplex[which].at.map((value, axis) => (value + best.at[axis]) / 2))
      }
    } else simplex[start.length] = better
    sort()
  }
  return { ...simplex[0], evaluations }
}

interface Vertex {
  readonly at: readonly number[]
  readonly score: number
}

/** Reflects, expands or contracts the worst vertex; undefined if the simplex has to shrink. */
function moved(along: (length: number) => Vertex, simplex: readonly Vertex[]): Vertex | undefined {
  const [best, second, worst] = [
    simplex[0],
    simplex[simplex.length - 2],
    simplex[simplex.length - 1],
  ]
  const reflected = along(1)
  if (reflected.score > best.score) {
    const expanded = along(2)
    return expanded.score > reflected.score ? expanded : reflected
  }
  if (reflected.score > second.score) return reflected
  const outside = reflected.score > worst.score
  const contracted = along(outside ? 0.5 : -0.5)
  return contracted.score > (outside ? reflected.score : worst.score) ? contracted : undefined
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length
