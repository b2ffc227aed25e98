/* Lines of JSONL taken apart in one go: what lines_numpy.py does, ten times as fast, where there is a compiler.
 *
 * Plain C without Python's headers, loaded by native.py. Whatever is in doubt here makes a line not good, which only
 * sends it the strict way.
 */

#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#if defined(_WIN32)
#define PUBLIC __declspec(dllexport)
#else
#define PUBLIC __attribute__((visibility("default")))
#endif

enum { LONGEST_NAME = 64, LONGEST_GAP = 64, LOOKED_AT = 256 };

static const uint64_t K0 = 0x9E3779B97F4A7C15u, K1 = 0xD6E8FEB86659FD93u, K2 = 0xA0761D6478BD642Fu;

static uint64_t mixed(uint64_t one, uint64_t other)
{
    __uint128_t product = (__uint128_t)one * other;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t eight(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

static uint64_t four(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, 4);
    return word;
}

/* The hash of a text: the same for the same bytes, wherever they stand. */
PUBLIC uint64_t lines_hash(const uint8_t *text, int64_t size)
{
    uint64_t made = K0 ^ (uint64_t)size, first = 0, last = 0;
    for (; size > 16; size -= 16, text += 16)
        made = mixed(eight(text) ^ K1, eight(text + 8) ^ made);
    if (size >= 8) {
        first = eight(text);
        last = eight(text + size - 8);
    } else if (size >= 4) {
        first = four(text);
        last = four(text + size - 4);
    } else if (size > 0) {
        first = (uint64_t)text[0] << 16 | (uint64_t)text[size / 2] << 8 | text[size - 1];
    }
    return mixed(mixed(first ^ K1, last ^ made) ^ K2, K0);
}

/* Whether a letter may stand inside a number, so that what follows it begins none. */
static int is_of_number(uint8_t letter)
{
    return (letter >= '0' && letter <= '9') || letter == '.' || letter == 'e' || letter == 'E' || letter == '+' ||
           letter == '-';
}

/* The letters that one number takes, as JSON writes it and nobody would read it otherwise; 0 where it is none. */
static int64_t number_at(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *p = at;
    int digits = 0;
    if (p < end && *p == '-')
        p++;
    if (p < end && *p == '0') {
        p++;
    } else {
        for (; p < end && *p >= '0' && *p <= '9'; p++)
            digits++;
        if (digits == 0 || digits > 15)
            return 0;
    }
    if (p + 1 < end && *p == '.') {
        for (p++, digits = 0; p < end && *p >= '0' && *p <= '9'; p++)
            digits++;
        if (digits == 0 || digits > 15)
            return 0;
    }
    if (p < end && is_of_number(*p))
        return 0;
    return p - at;
}

/* The hash of what stands between two strings, in which one number is as good as another. */
static uint64_t gap_hash(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *begin = at;
    uint64_t made = K2, word = 0;
    int filled = 0;
    while (at < end) {
        uint8_t letter = *at;
        int begins = ((letter >= '0' && letter <= '9') || letter == '-') && (at == begin || !is_of_number(at[-1]));
        int64_t size = begins ? number_at(at, end) : 0;
        word = word << 8 | (size ? 0xFF : letter);
        at += size ? size : 1;
        if (++filled % 8 == 0) {
            made = mixed(made ^ word, K1);
            word = 0;
        }
    }
    return mixed(made ^ word, K0 + (uint64_t)filled);
}

/* The bytes of a blank or unseen letter beyond ASCII that begins here, or 0; see trainer_image.formats.unseen. */
static int wide_blank(const uint8_t *at, const uint8_t *end)
{
    if (end - at >= 2 && at[0] == 0xC2 && (at[1] == 0x85 || at[1] == 0xA0 || at[1] == 0xAD))
        return 2;
    if (end - at < 3)
        return 0;
    if (at[0] == 0xE1 && at[1] == 0x9A && at[2] == 0x80)
        return 3;
    if (at[0] == 0xE1 && at[1] == 0xA0 && at[2] == 0x8E)
        return 3;
    if (at[0] == 0xE2 && at[1] == 0x80 && (at[2] <= 0x8F || (at[2] >= 0xA8 && at[2] <= 0xAF)))
        return 3;
    if (at[0] == 0xE2 && at[1] == 0x81 && (at[2] == 0x9F || (at[2] >= 0xA0 && at[2] <= 0xAF)))
        return 3;
    if ((at[0] == 0xE3 && at[1] == 0x80 && at[2] == 0x80) || (at[0] == 0xEF && at[1] == 0xBB && at[2] == 0xBF))
        return 3;
    return 0;
}

/* Whether a text that is not empty says something for sure, and is no dialogue that is written out. */
static int says_something(const uint8_t *text, int64_t size)
{
    const uint8_t *at = text, *end = text + size;
    while (at < end && at - text < LOOKED_AT) {
        int blank = 0;
        if (*at == ' ')
            blank = 1;
        else if (*at == '\\' && at + 1 < end && (at[1] == 'n' || at[1] == 't' || at[1] == 'r' || at[1] == 'f'))
            blank = 2;
        else if (*at > 127)
            blank = wide_blank(at, end);
        if (!blank)
            return end - at < 6 || memcmp(at, "Human:", 6) != 0;
        at += blank;
    }
    return 0;
}

/* Whether a letter beyond ASCII may be one that some program has spoilt; see letters.py. */
static int is_doubtful(const uint8_t *at, const uint8_t *end)
{
    if (at[0] == 0xC3)
        return at[1] == 0x82 || at[1] == 0x83 || at[1] == 0x90 ||
               (at[1] == 0xA2 && end - at >= 5 && memcmp(at + 2, "\xE2\x82\xAC", 3) == 0);
    return at[0] == 0xEF && at[1] == 0xBF && at[2] == 0xBD;
}

/* Whether bytes are whole letters of UTF-8, as Python is strict about it, and none of them doubtful. */
static int is_whole(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        while (end - at >= 8 && !(eight(at) & 0x8080808080808080u))
            at += 8;
        if (at == end)
            break;
        uint8_t first = *at;
        if (first < 0x80) {
            at++;
            continue;
        }
        int behind = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
        if (first < 0xC2 || first > 0xF4 || end - at <= behind)
            return 0;
        uint8_t low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
        uint8_t high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
        if (at[1] < low || at[1] > high)
            return 0;
        for (int place = 2; place <= behind; place++)
            if ((at[place] & 0xC0) != 0x80)
                return 0;
        if (is_doubtful(at, end))
            return 0;
        at += behind + 1;
    }
    return 1;
}

/* Whether the mark of a chat template may begin here; see trainer_image.formats.MARKS. */
static int is_trace(const uint8_t *at, const uint8_t *end)
{
    static const char *const begins[] = {"<|",       "<\xEF\xBD\x9C", "<<SYS", "<</SYS", "<start_o",
                                         "<end_of", "</s>",          "<bos>", "<eos>"};
    for (int number = 0; number < 9; number++) {
        int64_t size = (int64_t)strlen(begins[number]);
        if (end - at >= size && memcmp(at, begins[number], (size_t)size) == 0)
            return 1;
    }
    return 0;
}

static int is_escape(uint8_t letter)
{
    return letter == '"' || letter == '\\' || letter == 'n' || letter == 'r' || letter == 't' || letter == 'b' ||
           letter == 'f';
}

/* The next byte of a string that has to be looked at; notes on the way whether there are letters beyond ASCII. */
static const uint8_t *next_special(const uint8_t *at, const uint8_t *end, int *is_wide)
{
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), opened = _mm_set1_epi8('<');
    const __m128i closed = _mm_set1_epi8(']'), control = _mm_set1_epi8(31);
    for (; end - at >= 16; at += 16) {
        __m128i here = _mm_loadu_si128((const __m128i *)at);
        __m128i found = _mm_or_si128(_mm_cmpeq_epi8(here, quote), _mm_cmpeq_epi8(here, slash));
        found = _mm_or_si128(found, _mm_or_si128(_mm_cmpeq_epi8(here, opened), _mm_cmpeq_epi8(here, closed)));
        found = _mm_or_si128(found, _mm_cmpeq_epi8(_mm_min_epu8(here, control), here));
        *is_wide |= _mm_movemask_epi8(here);
        int mask = _mm_movemask_epi8(found);
        if (mask)
            return at + __builtin_ctz((unsigned)mask);
    }
#endif
    for (; at < end; at++) {
        if (*at == '"' || *at == '\\' || *at == '<' || *at == ']' || *at < 32)
            break;
        *is_wide |= *at > 127;
    }
    return at;
}

/* The quote that ends a string, or NULL where the string is not plain. */
static const uint8_t *end_of_string(const uint8_t *begin, const uint8_t *end, int *is_wide)
{
    for (const uint8_t *at = begin;;) {
        at = next_special(at, end, is_wide);
        if (at == end)
            return NULL;
        if (*at == '"')
            return at;
        if (*at == '\\') {
            if (at + 1 == end || !is_escape(at[1]))
                return NULL;
            at += 2;
        } else if (*at == '<') {
            if (is_trace(at, end))
                return NULL;
            at++;
        } else if (*at == ']') {
            if (at > begin && at[-1] == 'T')
                return NULL;
            at++;
        } else {
            return NULL;
        }
    }
}

/* The end of a gap between strings: a quote, a line feed or the end; NULL where something stands in it that must not. */
static const uint8_t *end_of_gap(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *begin = at;
    for (; at < end && *at != '"' && *at != '\n'; at++) {
        if (*at > 126 || *at == '\\' || at - begin == LONGEST_GAP)
            return NULL;
        if (*at < 32 && *at != '\t' && !(*at == '\r' && at + 1 < end && at[1] == '\n'))
            return NULL;
    }
    return at;
}

/* How this library and native.py understand each other. */
PUBLIC int64_t lines_version(void)
{
    return 2;
}

/* Take lines apart: returns how many there are, or -1 where there is not enough room for what is found. */
PUBLIC int64_t lines_take_apart(const uint8_t *data, int64_t size, int64_t most_lines, int64_t most_strings,
                                int64_t *ends, int64_t *firsts, int64_t *counts, uint64_t *signatures,
                                uint8_t *is_good, int64_t *begins, int64_t *stops, uint64_t *hashes, uint8_t *is_open,
                                int64_t *strings_found)
{
    const uint8_t *end = data + size, *start = data;
    int64_t lines = 0, strings = 0;
    for (; start < end; lines++) {
        const uint8_t *at = start;
        uint64_t signature = K0;
        int64_t first = strings;
        int good = 1, is_wide = 0, names_speaker = 0;
        if (lines == most_lines)
            return -1;
        while (good) {
            const uint8_t *gap = at;
            at = end_of_gap(gap, end);
            if (at == NULL) {
                good = 0;
                break;
            }
            signature = mixed(signature ^ gap_hash(gap, at), K1);
            if (at == end || *at == '\n')
                break;
            const uint8_t *begin = at + 1, *stop = end_of_string(begin, end, &is_wide);
            if (stop == NULL) {
                good = 0;
                break;
            }
            if (strings == most_strings)
                return -1;
            int64_t letters = stop - begin;
            int is_key = stop + 1 < end && stop[1] == ':', is_text = !is_key && !names_speaker;
            uint64_t hash = lines_hash(begin, letters);
            if (is_text)
                good = letters == 0 || says_something(begin, letters);
            else
                good = letters <= LONGEST_NAME;
            signature = mixed(signature ^ (is_text ? 17 + (uint64_t)(letters > 0) : hash), K2);
            names_speaker = is_key && letters == 4 && (memcmp(begin, "role", 4) == 0 || memcmp(begin, "from", 4) == 0);
            begins[strings] = begin - data;
            stops[strings] = stop - data;
            hashes[strings] = hash;
            is_open[strings++] = (uint8_t)is_text;
            at = stop + 1;
        }
        if (!good)
            at = start;
        const uint8_t *feed = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        const uint8_t *behind = feed ? feed + 1 : end;
        if (good && (strings == first || (is_wide && !is_whole(start, behind))))
            good = 0;
        if (!good)
            strings = first;
        ends[lines] = behind - data;
        firsts[lines] = first;
        counts[lines] = strings - first;
        signatures[lines] = signature;
        is_good[lines] = (uint8_t)good;
        start = behind;
    }
    *strings_found = strings;
    return lines;
}
