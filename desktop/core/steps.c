/* The lines of events.jsonl taken apart: steps become columns of numbers, every other line is pointed out.
 *
 * Plain C without Python's headers, loaded by step_columns.py. Only what the trainer writes is read here, and only where
 * nobody could read it otherwise; whatever is in doubt makes a line one of the others, which Python reads.
 */

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#if defined(_WIN32)
#define PUBLIC __declspec(dllexport)
#else
#define PUBLIC __attribute__((visibility("default")))
#endif

typedef unsigned __int128 Wide;

enum { VERSION = 2, MOST_METRICS = 64, LONGEST_NAME = 128, DEEPEST = 8, LOWEST = -54, HIGHEST = 55, MOST_DIGITS = 19 };

/* The fields of a step in the order in which they are written; those up to STEP_S have to be there. */
enum { TIME, KIND, STEP, EPOCH, LOSS, LEARNING_RATE, GRAD_NORM, TOKENS, TOKENS_PER_S, STEP_S, SEQ, GPU, METRICS, FIELDS };
enum { NEEDED = (1 << SEQ) - 1 };

static const struct {
    const char *word;
    int8_t size, field;
} KEYS[FIELDS] = {
    {"seq\":", 5, SEQ},
    {"time\":", 6, TIME},
    {"kind\":", 6, KIND},
    {"step\":", 6, STEP},
    {"epoch\":", 7, EPOCH},
    {"loss\":", 6, LOSS},
    {"learning_rate\":", 15, LEARNING_RATE},
    {"grad_norm\":", 11, GRAD_NORM},
    {"tokens\":", 8, TOKENS},
    {"tokens_per_s\":", 14, TOKENS_PER_S},
    {"step_s\":", 8, STEP_S},
    {"gpu_peak_bytes\":", 16, GPU},
    {"metrics\":", 9, METRICS},
};

/* Where the numbers of a step go, in the order of the app's columns; -1 where nobody wants them. */
static const int8_t COLUMN[FIELDS] = {
    [TIME] = 1, [KIND] = -1, [STEP] = 0,         [EPOCH] = -1, [LOSS] = 3, [LEARNING_RATE] = 4, [GRAD_NORM] = 5,
    [TOKENS] = 2, [TOKENS_PER_S] = 6, [STEP_S] = 7, [SEQ] = -1,   [GPU] = -1, [METRICS] = -1,
};

static const double NONE = __builtin_nan("");

/* The keys as numbers, to be compared without a call, and which bits of these count. */
static struct {
    uint64_t first, second, first_mask, second_mask;
} MARKS[FIELDS];

/* Powers of five, the first 128 bits of each, as Eisel and Lemire multiply by them. */
static struct {
    uint64_t high, low;
} POWERS[HIGHEST - LOWEST + 1];

static void keep_power(int exponent, Wide bits)
{
    POWERS[exponent - LOWEST].high = (uint64_t)(bits >> 64);
    POWERS[exponent - LOWEST].low = (uint64_t)bits;
}

/* To be called once before anything else; returns the version. */
PUBLIC int steps_begin(void)
{
    static const Wide top = (Wide)1 << 127;
    Wide power = 1;
    for (int key = 0; key < FIELDS; key++) {
        char word[16] = {0}, mask[16] = {0};
        memcpy(word, KEYS[key].word, (size_t)KEYS[key].size);
        memset(mask, 0xFF, (size_t)KEYS[key].size);
        memcpy(&MARKS[key].first, word, 8);
        memcpy(&MARKS[key].second, word + 8, 8);
        memcpy(&MARKS[key].first_mask, mask, 8);
        memcpy(&MARKS[key].second_mask, mask + 8, 8);
    }
    for (int exponent = 0; exponent <= HIGHEST; exponent++) {
        Wide bits = power;
        while (!(bits & top))
            bits <<= 1;
        keep_power(exponent, bits);
        if (exponent > 0 && exponent <= -LOWEST) {
            /* The first 128 bits of its reciprocal, by long division; where the power fits a word, rounded up. */
            Wide rest = 1, found = 0;
            while (!(found & top)) {
                rest <<= 1;
                found <<= 1;
                if (rest >= power) {
                    rest -= power;
                    found |= 1;
                }
            }
            keep_power(-exponent, exponent <= 27 ? found + 1 : found);
        }
        power *= 5;
    }
    return VERSION;
}

static inline int is_digit(uint8_t letter)
{
    return letter >= '0' && letter <= '9';
}

static inline int is_at(const uint8_t *at, const uint8_t *end, const char *word, int64_t size)
{
    return end - at >= size && memcmp(at, word, (size_t)size) == 0;
}

/* Add the digits that stand here to a number, up to eight at once; returns behind them. */
static inline const uint8_t *digits_at(const uint8_t *at, const uint8_t *end, uint64_t *number)
{
    uint64_t made = *number;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    static const uint64_t tens[9] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    for (uint64_t others = !is_digit(at[0]) || !is_digit(at[1]); !others && end - at >= 8;) {
        uint64_t word;
        memcpy(&word, at, 8);
        others = ((word & 0xF0F0F0F0F0F0F0F0u) ^ 0x3030303030303030u) |
                 (((word + 0x0606060606060606u) & 0xF0F0F0F0F0F0F0F0u) ^ 0x3030303030303030u);
        int count = others ? __builtin_ctzll(others) / 8 : 8;
        if (count == 0)
            break;
        /* Fewer than eight become eight with zeros in front. */
        word = ((word << (64 - 8 * count)) & 0x0F0F0F0F0F0F0F0Fu) * 2561 >> 8;
        word = (word & 0x00FF00FF00FF00FFu) * 6553601 >> 16;
        made = made * tens[count] + ((word & 0x0000FFFF0000FFFFu) * 42949672960001u >> 32);
        at += count;
    }
#endif
    for (; is_digit(*at); at++)
        made = made * 10 + (uint64_t)(*at - '0');
    *number = made;
    return at;
}

/* Read a whole number; returns behind it, or NULL where none stands here. The last byte before `end` is a line feed. */
static const uint8_t *whole_at(const uint8_t *at, const uint8_t *end, double *found)
{
    int is_negative = *at == '-';
    uint64_t number = 0;
    at += is_negative;
    const uint8_t *begin = at;
    at = digits_at(at, end, &number);
    if (at == begin || at - begin >= MOST_DIGITS || (*begin == '0' && at - begin > 1))
        return NULL;
    *found = (double)(is_negative ? -(int64_t)number : (int64_t)number);
    return at;
}

/* The number nearest to digits * 10^exponent, after Eisel and Lemire; 0 where that is not certain. */
static int nearest(uint64_t digits, int exponent, double *found)
{
    if (digits == 0) {
        *found = 0.0;
        return 1;
    }
    if (exponent < LOWEST || exponent > HIGHEST)
        return 0;
    int zeros = __builtin_clzll(digits);
    digits <<= zeros;
    Wide product = (Wide)digits * POWERS[exponent - LOWEST].high;
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
    if ((high & 0x1FF) == 0x1FF) {
        uint64_t more = (uint64_t)((Wide)digits * POWERS[exponent - LOWEST].low >> 64);
        low += more;
        high += more > low;
    }
    if (low == UINT64_MAX && exponent < -27)
        return 0;
    int upper = (int)(high >> 63);
    uint64_t mantissa = high >> (upper + 9);
    int power = ((217706 * exponent) >> 16) + 63 + upper - zeros + 1023;
    if (power <= 0 || power >= 2046)
        return 0;
    if (low <= 1 && exponent >= -4 && exponent <= 23 && (mantissa & 3) == 1 && mantissa << (upper + 9) == high)
        mantissa &= ~(uint64_t)1; /* in the middle between two: the even one */
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    if (mantissa >> 53) {
        mantissa = (uint64_t)1 << 52;
        power++;
    }
    uint64_t bits = (mantissa & (((uint64_t)1 << 52) - 1)) | (uint64_t)power << 52;
    memcpy(found, &bits, 8);
    return 1;
}

/* Read a number as JSON writes it; returns behind it, or NULL where none stands here that is certain. */
static const uint8_t *number_at(const uint8_t *at, const uint8_t *end, double *found)
{
    const uint8_t *first = at;
    int is_negative = *at == '-', exponent = 0;
    uint64_t number = 0;
    at += is_negative;
    const uint8_t *begin = at;
    int64_t written;
    at = digits_at(at, end, &number);
    written = at - begin;
    if (written == 0 || (*begin == '0' && written > 1))
        return NULL;
    if (*at != '.' && (*at | 32) != 'e')
        return whole_at(first, end, found);
    if (*at == '.') {
        const uint8_t *point = ++at;
        if (*begin == '0') { /* zeros in front are not counted among its digits */
            while (*at == '0')
                at++;
            written = point - at;
        }
        at = digits_at(at, end, &number);
        if (at == point)
            return NULL;
        written += at - point;
        if (at - point > 1000)
            return NULL;
        exponent = -(int)(at - point);
    }
    if (written > MOST_DIGITS)
        return NULL;
    if ((*at | 32) == 'e') {
        at++;
        int is_small = *at == '-', power = 0;
        at += *at == '-' || *at == '+';
        begin = at;
        for (; is_digit(*at) && at - begin < 4; at++)
            power = power * 10 + (*at - '0');
        if (at == begin || is_digit(*at))
            return NULL;
        exponent += is_small ? -power : power;
    }
    if (!nearest(number, exponent, found))
        return NULL;
    if (is_negative)
        *found = -*found;
    return at;
}

/* Read a number, or null, which is none. */
static const uint8_t *number_or_null_at(const uint8_t *at, const uint8_t *end, double *found)
{
    if (*at != 'n')
        return number_at(at, end, found);
    *found = NONE;
    return is_at(at, end, "null", 4) ? at + 4 : NULL;
}

/* Read the inside of a plain string, which begins here; returns at its quote, or NULL where it is not that plain. */
static const uint8_t *plain_at(const uint8_t *at)
{
    while (*at != '"') {
        if (*at < 32 || *at > 126 || *at == '\\')
            return NULL;
        at++;
    }
    return at;
}

static inline int two(const uint8_t *at)
{
    return is_digit(at[0]) && is_digit(at[1]) ? (at[0] - '0') * 10 + at[1] - '0' : -10000;
}

/* Read a moment as the trainer writes it, such as "2026-01-31T08:05:00.25Z"; seconds since 1970. */
static const uint8_t *moment_at(const uint8_t *at, const uint8_t *end, double *found)
{
    static const uint8_t days_of[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (end - at < 22 || at[0] != '"' || at[5] != '-' || at[8] != '-' || at[11] != 'T' || at[14] != ':' ||
        at[17] != ':')
        return NULL;
    int year = two(at + 1) * 100 + two(at + 3), month = two(at + 6), day = two(at + 9);
    int hour = two(at + 12), minute = two(at + 15), second = two(at + 18);
    if (year < 1970 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        second < 0 || second > 59)
        return NULL;
    int is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > days_of[month] + (month == 2 && is_leap))
        return NULL;
    int64_t micros = 0;
    at += 20;
    if (*at == '.') {
        const uint8_t *point = ++at;
        for (; is_digit(*at) && at - point < 6; at++)
            micros = micros * 10 + (*at - '0');
        if (at == point)
            return NULL;
        for (int64_t places = at - point; places < 6; places++)
            micros *= 10;
    }
    if (at[0] != 'Z' || at[1] != '"')
        return NULL;
    /* Days since 1970 with years that begin in March, so that the leap day is the last of its year. */
    int64_t from_march = month > 2 ? month - 3 : month + 9, years = month > 2 ? year : year - 1;
    int64_t days = years * 365 + years / 4 - years / 100 + years / 400 + (153 * from_march + 2) / 5 + day - 1 - 719468;
    *found = (double)((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000000 + micros) / 1e6;
    return at + 2;
}

/* Go over a value that nobody asked for; NULL where it is not certain that it is one. */
static const uint8_t *over_value(const uint8_t *at, const uint8_t *end, int depth)
{
    double ignored;
    if (depth > DEEPEST)
        return NULL;
    switch (*at) {
    case '"':
        at = plain_at(at + 1);
        return at ? at + 1 : NULL;
    case 't':
        return is_at(at, end, "true", 4) ? at + 4 : NULL;
    case 'f':
        return is_at(at, end, "false", 5) ? at + 5 : NULL;
    case '[':
    case '{': {
        uint8_t open = *at, close = open == '[' ? ']' : '}';
        if (at[1] == close)
            return at + 2;
        do {
            at++;
            if (open == '{') {
                if (*at != '"' || !(at = plain_at(at + 1)) || at[1] != ':')
                    return NULL;
                at += 2;
            }
            if (!(at = over_value(at, end, depth + 1)))
                return NULL;
        } while (*at == ',');
        return *at == close ? at + 1 : NULL;
    }
    default:
        return number_or_null_at(at, end, &ignored);
    }
}

/* Go over a list of whole numbers. */
static const uint8_t *over_wholes(const uint8_t *at, const uint8_t *end)
{
    double ignored;
    if (at[0] != '[')
        return NULL;
    if (at[1] == ']')
        return at + 2;
    do {
        if (!(at = whole_at(at + 1, end, &ignored)))
            return NULL;
    } while (*at == ',');
    return *at == ']' ? at + 1 : NULL;
}

/* What is known of the metrics, and their values in the line that is being read. */
typedef struct {
    uint8_t *names; /* LONGEST_NAME bytes for each */
    int64_t *sizes;
    int64_t count, before; /* how many there are, and how many there were before this line */
    int64_t line;
    int64_t said[MOST_METRICS]; /* the line that said it last */
    double values[MOST_METRICS];
} Metrics;

static int64_t metric_of(Metrics *metrics, const uint8_t *name, int64_t size, int64_t guess)
{
    for (int64_t tried = 0; tried < metrics->count; tried++) {
        int64_t index = guess + tried < metrics->count ? guess + tried : guess + tried - metrics->count;
        if (metrics->sizes[index] == size &&
            memcmp(metrics->names + LONGEST_NAME * index, name, (size_t)size) == 0)
            return index;
    }
    if (metrics->count == MOST_METRICS || size > LONGEST_NAME)
        return -1;
    memcpy(metrics->names + LONGEST_NAME * metrics->count, name, (size_t)size);
    metrics->sizes[metrics->count] = size;
    metrics->said[metrics->count] = -1;
    return metrics->count++;
}

static const uint8_t *metrics_at(const uint8_t *at, const uint8_t *end, Metrics *metrics)
{
    int64_t guess = 0;
    if (at[0] != '{')
        return NULL;
    if (at[1] == '}')
        return at + 2;
    do {
        const uint8_t *name = at + 2;
        if (at[1] != '"' || !(at = plain_at(name)) || at[1] != ':')
            return NULL;
        int64_t index = metric_of(metrics, name, at - name, guess);
        if (index < 0 || metrics->said[index] == metrics->line)
            return NULL;
        if (!(at = number_or_null_at(at + 2, end, &metrics->values[index])))
            return NULL;
        metrics->said[index] = metrics->line;
        guess = index + 1 < metrics->count ? index + 1 : 0;
    } while (*at == ',');
    return *at == '}' ? at + 1 : NULL;
}

enum { OTHER, COMPLETION, IS_STEP };

/* Whether a key stands here; none of them is longer than sixteen bytes. */
static inline int is_key(const uint8_t *at, const uint8_t *end, int key)
{
    uint64_t first, second;
    if (end - at < 16)
        return is_at(at, end, KEYS[key].word, KEYS[key].size);
    memcpy(&first, at, 8);
    memcpy(&second, at + 8, 8);
    return (((first ^ MARKS[key].first) & MARKS[key].first_mask) |
            ((second ^ MARKS[key].second) & MARKS[key].second_mask)) == 0;
}

/* Read a line; returns what it is. Where it is a step, its numbers are in `values` and `metrics`, and `stop` is where
 * it ends. */
static int read_line(const uint8_t *at, const uint8_t *end, double values[FIELDS], Metrics *metrics,
                     const uint8_t **stop)
{
    int expected = 0;
    unsigned found = 0;
    if (*at != '{')
        return OTHER;
    do {
        const uint8_t *name = at + 2;
        if (at[1] != '"')
            return OTHER;
        int field = -1;
        for (int tried = 0; tried < FIELDS && field < 0; tried++) {
            int key = expected + tried < FIELDS ? expected + tried : expected + tried - FIELDS;
            if (is_key(name, end, key)) {
                field = KEYS[key].field;
                at = name + KEYS[key].size;
                expected = key + 1 < FIELDS ? key + 1 : 0;
            }
        }
        if (field < 0) {
            if (!(at = plain_at(name)) || at[1] != ':' || !(at = over_value(at + 2, end, 0)))
                return OTHER;
            continue;
        }
        if (found & 1u << field)
            return OTHER;
        found |= 1u << field;
        switch (field) {
        case KIND:
            if (is_at(at, end, "\"completion\"", 12))
                return COMPLETION;
            at = is_at(at, end, "\"step\"", 6) ? at + 6 : NULL;
            break;
        case TIME:
            at = moment_at(at, end, &values[field]);
            break;
        case SEQ:
        case STEP:
        case TOKENS:
            at = whole_at(at, end, &values[field]);
            break;
        case LOSS:
        case GRAD_NORM:
            at = number_or_null_at(at, end, &values[field]);
            break;
        case GPU:
            at = over_wholes(at, end);
            break;
        case METRICS:
            at = metrics_at(at, end, metrics);
            break;
        default:
            at = number_at(at, end, &values[field]);
        }
        if (!at)
            return OTHER;
    } while (*at == ',');
    if (at[0] != '}' || at[1] != '\n' || (found & NEEDED) != NEEDED)
        return OTHER;
    *stop = at + 1;
    return IS_STEP;
}

static int is_blank(const uint8_t *at, const uint8_t *end)
{
    while (at < end && (*at == ' ' || (*at >= '\t' && *at <= '\r')))
        at++;
    return at == end;
}

/* What was found in a stretch of a file so far, and how much more there is room for. */
typedef struct {
    int64_t most_rows, most_others, most_text;
    double *columns, *metrics; /* most_rows numbers for each of eight, and for each of MOST_METRICS */
    int64_t *spans;            /* where in the file the line of each row begins and ends, without its line feed */
    int64_t *firsts, *lasts;   /* of each metric the first row that said it, and the last */
    int64_t *others;           /* six numbers for each, see steps_read */
    uint8_t *texts;
    int64_t rows, others_found, text_size;
} Found;

/* Keep a copy of a text; returns where it is. */
static int64_t keep_text(Found *found, const uint8_t *begin, const uint8_t *end)
{
    int64_t place = found->text_size;
    memcpy(found->texts + place, begin, (size_t)(end - begin));
    found->text_size += end - begin;
    return place;
}

static void keep_step(Found *found, const double values[FIELDS], const Metrics *metrics)
{
    int64_t row = found->rows++;
    for (int field = 0; field < FIELDS; field++)
        if (COLUMN[field] >= 0)
            found->columns[COLUMN[field] * found->most_rows + row] = values[field];
    for (int64_t index = 0; index < metrics->count; index++) {
        double *column = found->metrics + index * found->most_rows;
        if (index >= metrics->before) {
            found->firsts[index] = row;
            for (int64_t earlier = 0; earlier < row; earlier++)
                column[earlier] = NONE;
        }
        int is_said = metrics->said[index] == metrics->line;
        column[row] = is_said ? metrics->values[index] : NONE;
        if (is_said)
            found->lasts[index] = row;
    }
}

/* Take apart the lines between two places as far as there is room; `step` is the line of the step before, if it is at
 * hand. The first byte of the buffer is the file's at `where`. Returns behind the last line that was taken. */
static const uint8_t *take_apart(const uint8_t *at, const uint8_t *end, const uint8_t *buffer, int64_t where,
                                 const uint8_t **step, Found *found, Metrics *metrics)
{
    double values[FIELDS] = {0};
    while (at < end && found->rows < found->most_rows && found->others_found < found->most_others) {
        metrics->before = metrics->count;
        metrics->line++;
        const uint8_t *stop = at;
        int what = read_line(at, end, values, metrics, &stop);
        if (what != IS_STEP) { /* what it says of metrics is not believed */
            metrics->count = metrics->before;
            stop = memchr(at, '\n', (size_t)(end - at));
        }
        if (what == IS_STEP) {
            found->spans[2 * found->rows] = where + (at - buffer);
            found->spans[2 * found->rows + 1] = where + (stop - buffer);
            keep_step(found, values, metrics);
            *step = at;
        } else if (!is_blank(at, stop)) {
            int64_t step_size = 0;
            if (what == OTHER && *step && found->rows)
                step_size = found->spans[2 * found->rows - 1] - found->spans[2 * found->rows - 2];
            if (stop - at + step_size > found->most_text - found->text_size)
                return at;
            int64_t *other = found->others + 6 * found->others_found++;
            other[0] = where + (at - buffer);
            other[1] = where + (stop - buffer);
            other[2] = found->rows;
            other[3] = what;
            other[4] = keep_text(found, at, stop);
            other[5] = step_size ? keep_text(found, *step, *step + step_size) : -1;
        }
        at = stop + 1;
    }
    return at;
}

enum { TOO_LONG = -1000000, CHANGED = -1000001 };

/* Read the lines of a file between two places, each of which ends in a line feed, as many as there is room for.
 *
 * buffer: `size` bytes to read into, a little at a time, so that they stay near the processor. room: how many rows,
 * other lines and bytes of text there is room for, the last no less than `size`. columns, metrics_out, spans, firsts,
 * lasts: see Found. names, sizes: of each metric its name. others: of each line that is no step where in the file it
 * begins and ends, the rows before it, what it is, where its text begins in texts, and where that of the step before
 * does, or -1. counts: rows, metrics, others and bytes of text. Returns the bytes that were taken, TOO_LONG where a
 * line does not fit into the buffer, CHANGED where the file has no such lines any more, or a number of errno less than
 * nought. */
PUBLIC int64_t steps_read(int file, int64_t from, int64_t to, uint8_t *buffer, int64_t size, const int64_t *room,
                          double *columns, double *metrics_out, int64_t *spans, uint8_t *names, int64_t *sizes,
                          int64_t *firsts, int64_t *lasts, int64_t *others, uint8_t *texts, int64_t *counts)
{
    Found found = {.most_rows = room[0], .most_others = room[1], .most_text = room[2], .columns = columns,
                   .metrics = metrics_out, .spans = spans, .firsts = firsts, .lasts = lasts, .others = others,
                   .texts = texts};
    Metrics metrics = {.names = names, .sizes = sizes};
    /* The buffer holds the file from `where` on; of its `filled` bytes those before `next` have been taken. */
    int64_t where = from, filled = 0, next = 0;
    const uint8_t *step = NULL;
    while (where + next < to) {
        /* The line of the last step stays as long as it leaves room: what comes next may count from it. */
        int64_t gone = step && next - (step - buffer) <= size / 4 ? step - buffer : next;
        if (filled - gone == size)
            gone = next;
        if (gone) {
            step = step && step - buffer >= gone ? step - gone : NULL;
            memmove(buffer, buffer + gone, (size_t)(filled - gone));
            where += gone;
            filled -= gone;
            next -= gone;
        }
        if (filled == size)
            return TOO_LONG;
        int64_t wanted = to - where < size ? to - where - filled : size - filled;
        ssize_t got = wanted ? pread(file, buffer + filled, (size_t)wanted, where + filled) : 0;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return CHANGED;
        filled += got;
        const uint8_t *end = buffer + filled;
        while (end > buffer + next && end[-1] != '\n')
            end--;
        const uint8_t *at = take_apart(buffer + next, end, buffer, where, &step, &found, &metrics);
        next = at - buffer;
        if (at < end)
            break;
    }
    counts[0] = found.rows;
    counts[1] = metrics.count;
    counts[2] = found.others_found;
    counts[3] = found.text_size;
    return where + next - from;
}
