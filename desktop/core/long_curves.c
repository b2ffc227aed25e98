/* Long curves averaged, and folded to the least and greatest of their blocks: one pass over each, without the lock of
 * Python.
 *
 * Plain C without Python's headers, loaded by long_curves.py.
 */

#include <stdint.h>

#if defined(_WIN32)
#define PUBLIC __declspec(dllexport)
#else
#define PUBLIC __attribute__((visibility("default")))
#endif

enum { VERSION = 1 };

/* Returns the version. */
PUBLIC int curves_version(void)
{
    return VERSION;
}

/* The moving average of values of which each counts `weight` times as much as the next; where one is not finite there
 * is none, and it is not averaged in. state: the weighted sum of the values before these, and of their weights; then of
 * all. */
PUBLIC void curves_average(const double *values, int64_t count, double weight, double *state, double *averages)
{
    double sum = state[0], seen = state[1];
    for (int64_t index = 0; index < count; index++) {
        double value = values[index];
        if (!__builtin_isfinite(value)) {
            averages[index] = __builtin_nan("");
            continue;
        }
        sum = sum * weight + value;
        seen = seen * weight + 1.0;
        averages[index] = sum / seen;
    }
    state[0] = sum;
    state[1] = seen;
}

/* The least and the greatest of every `size` values, NaN left out, and whether one of them is NaN; the last block may
 * be short. Where all are NaN, so are these. */
PUBLIC void curves_fold(const double *values, int64_t count, int64_t size, double *least, double *most, uint8_t *gaps)
{
    for (int64_t block = 0; block * size < count; block++) {
        int64_t first = block * size, length = count - first < size ? count - first : size, missing = 0;
        double low = __builtin_inf(), high = -__builtin_inf();
        for (int64_t index = first; index < first + length; index++) {
            double value = values[index];
            low = value < low ? value : low;
            high = value > high ? value : high;
            missing += value != value;
        }
        least[block] = missing == length ? __builtin_nan("") : low;
        most[block] = missing == length ? __builtin_nan("") : high;
        gaps[block] = missing > 0;
    }
}
