/* Lines of JSONL taken apart in one go: what lines_numpy.py does, ten times as fast, where there is a compiler.
 *
 * Plain C without Python's headers, loaded by native.py. Whatever is in doubt here makes a line not good, which only
 * sends it the strict way.
 */

#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#if defined(_WIN32)
#define PUBLIC __declspec(dllexport)
#else
#define PUBLIC __attribute__((visibility("default")))
#endif

enum { LONGEST_NAME = 64, LONGEST_GAP = 64, LOOKED_AT = 256, BLOCK = 64 };

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

static inline int lowest(uint64_t mask)
{
    return __builtin_ctzll(mask);
}

static uint64_t four(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, 4);
    return word;
}

/* The hash of a text: the same for the same bytes, wherever they stand. */
static inline uint64_t hash_of(const uint8_t *text, int64_t size)
{
    uint64_t made = K0 ^ (uint64_t)size, first = 0, last = 0;
    if (size > 48) {
        /* Two at once, as neither waits for the other. */
        uint64_t beside = K2;
        for (; size > 32; size -= 32, text += 32) {
            made = mixed(eight(text) ^ K1, eight(text + 8) ^ made);
            beside = mixed(eight(text + 16) ^ K1, eight(text + 24) ^ beside);
        }
        made = mixed(made ^ K2, beside ^ K0);
    }
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

PUBLIC uint64_t lines_hash(const uint8_t *text, int64_t size)
{
    return hash_of(text, size);
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
#if defined(__SSE2__)
        while (end - at >= 16) {
            unsigned wide = (unsigned)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)at));
            if (wide) {
                at += lowest(wide);
                break;
            }
            at += 16;
        }
#endif
        while (end - at >= 8 && *at < 0x80) {
            uint64_t wide = eight(at) & 0x8080808080808080u;
            if (wide) {
                at += lowest(wide) / 8;
                break;
            }
            at += 8;
        }
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

static inline int begins_with(const uint8_t *at, const uint8_t *end, const char *word, int64_t size)
{
    return end - at >= size && memcmp(at, word, (size_t)size) == 0;
}

/* Whether the mark of a chat template may begin at this bracket; see trainer_image.formats.MARKS. */
static int is_trace(const uint8_t *bracket, const uint8_t *end)
{
    const uint8_t *at = bracket + 1;
    if (at == end)
        return 0;
    switch (*at) {
    case '|':
        return 1;
    case 0xEF:
        return begins_with(at, end, "\xEF\xBD\x9C", 3);
    case '<':
        return begins_with(at, end, "<SYS", 4) || begins_with(at, end, "</SYS", 5);
    case 's':
        return begins_with(at, end, "start_o", 7);
    case 'e':
        return begins_with(at, end, "end_of", 6) || begins_with(at, end, "eos>", 4);
    case '/':
        return begins_with(at, end, "/s>", 3);
    case 'b':
        return begins_with(at, end, "bos>", 4);
    default:
        return 0;
    }
}

/* Which of the bytes of a block are what, one bit for each byte. */
typedef struct {
    uint64_t quotes, slashes, feeds, controls, opened, closed, letters_t, letters_n, wide;
} Masks;

#if defined(__SSE2__)
static inline uint64_t bits(__m128i a, __m128i b, __m128i c, __m128i d)
{
    uint64_t low = (uint64_t)(uint32_t)_mm_movemask_epi8(a) | (uint64_t)(uint32_t)_mm_movemask_epi8(b) << 16;
    uint64_t high = (uint64_t)(uint32_t)_mm_movemask_epi8(c) | (uint64_t)(uint32_t)_mm_movemask_epi8(d) << 16;
    return low | high << 32;
}

static inline uint64_t equal(const __m128i v[4], char letter)
{
    __m128i all = _mm_set1_epi8(letter);
    return bits(_mm_cmpeq_epi8(v[0], all), _mm_cmpeq_epi8(v[1], all), _mm_cmpeq_epi8(v[2], all),
                _mm_cmpeq_epi8(v[3], all));
}

static void look_usually(const uint8_t *at, Masks *masks)
{
    __m128i v[4], most = _mm_set1_epi8(31);
    for (int part = 0; part < 4; part++)
        v[part] = _mm_loadu_si128((const __m128i *)(at + 16 * part));
    masks->quotes = equal(v, '"');
    masks->slashes = equal(v, '\\');
    masks->opened = equal(v, '<');
    masks->closed = equal(v, ']');
    masks->letters_t = masks->closed ? equal(v, 'T') : 0;
    masks->letters_n = masks->slashes ? equal(v, 'n') : 0;
    masks->wide = bits(v[0], v[1], v[2], v[3]);
    masks->feeds = equal(v, '\n');
    for (int part = 0; part < 4; part++)
        v[part] = _mm_cmpeq_epi8(_mm_min_epu8(v[part], most), v[part]);
    masks->controls = bits(v[0], v[1], v[2], v[3]);
}
/* The same with half as many steps, where the processor can. */
#if defined(__x86_64__)
#define WIDER __attribute__((target("avx2")))

WIDER static inline uint64_t bits_wider(__m256i a, __m256i b)
{
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(a) | (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32;
}

WIDER static inline uint64_t equal_wider(__m256i a, __m256i b, char letter)
{
    __m256i all = _mm256_set1_epi8(letter);
    return bits_wider(_mm256_cmpeq_epi8(a, all), _mm256_cmpeq_epi8(b, all));
}

WIDER static void look_wider(const uint8_t *at, Masks *masks)
{
    __m256i a = _mm256_loadu_si256((const __m256i *)at), b = _mm256_loadu_si256((const __m256i *)(at + 32));
    __m256i most = _mm256_set1_epi8(31);
    masks->quotes = equal_wider(a, b, '"');
    masks->slashes = equal_wider(a, b, '\\');
    masks->opened = equal_wider(a, b, '<');
    masks->closed = equal_wider(a, b, ']');
    masks->letters_t = equal_wider(a, b, 'T');
    masks->letters_n = equal_wider(a, b, 'n');
    masks->feeds = equal_wider(a, b, '\n');
    masks->wide = bits_wider(a, b);
    masks->controls = bits_wider(_mm256_cmpeq_epi8(_mm256_min_epu8(a, most), a),
                                 _mm256_cmpeq_epi8(_mm256_min_epu8(b, most), b));
}

/* And with one step for each question. */
#define WIDEST __attribute__((target("avx512bw")))

WIDEST static void look_widest(const uint8_t *at, Masks *masks)
{
    __m512i all = _mm512_loadu_si512(at);
    masks->quotes = _mm512_cmpeq_epi8_mask(all, _mm512_set1_epi8('"'));
    masks->slashes = _mm512_cmpeq_epi8_mask(all, _mm512_set1_epi8('\\'));
    masks->opened = _mm512_cmpeq_epi8_mask(all, _mm512_set1_epi8('<'));
    masks->closed = _mm512_cmpeq_epi8_mask(all, _mm512_set1_epi8(']'));
    masks->letters_t = _mm512_cmpeq_epi8_mask(all, _mm512_set1_epi8('T'));
    masks->letters_n = _mm512_cmpeq_epi8_mask(all, _mm512_set1_epi8('n'));
    masks->feeds = _mm512_cmpeq_epi8_mask(all, _mm512_set1_epi8('\n'));
    masks->wide = _mm512_movepi8_mask(all);
    masks->controls = _mm512_cmplt_epu8_mask(all, _mm512_set1_epi8(32));
}
#endif
#else
static void look_usually(const uint8_t *at, Masks *masks)
{
    memset(masks, 0, sizeof *masks);
    for (int place = 0; place < BLOCK; place++) {
        uint64_t bit = (uint64_t)1 << place;
        uint8_t letter = at[place];
        masks->quotes |= letter == '"' ? bit : 0;
        masks->slashes |= letter == '\\' ? bit : 0;
        masks->opened |= letter == '<' ? bit : 0;
        masks->closed |= letter == ']' ? bit : 0;
        masks->letters_t |= letter == 'T' ? bit : 0;
        masks->letters_n |= letter == 'n' ? bit : 0;
        masks->feeds |= letter == '\n' ? bit : 0;
        masks->controls |= letter < 32 ? bit : 0;
        masks->wide |= letter > 127 ? bit : 0;
    }
}
#endif

/* Goes through the bytes from one that matters to the next: quotes that are not escaped, line feeds, and whatever must
 * not stand in a text. */
typedef struct {
    const uint8_t *data, *end;
    int64_t base;     /* where the block begins that was looked at */
    uint64_t events;  /* what matters in it and was not reached yet */
    uint64_t escaped; /* 1 where the first byte behind it is escaped */
    uint64_t wide;    /* its letters beyond ASCII in the line that is being read or behind it */
    int is_wide;      /* whether there were such letters in the line before this block */
    void (*look_at)(const uint8_t *at, Masks *masks);
} Reader;

static int is_escape(uint8_t letter)
{
    return letter == '"' || letter == '\\' || letter == 'n' || letter == 'r' || letter == 't' || letter == 'b' ||
           letter == 'f';
}

/* Which bytes are escaped by a backslash before them, as simdjson has found out how to tell of 64 bytes at once. */
static inline uint64_t escaped_in(uint64_t slashes, uint64_t *before)
{
    static const uint64_t odd = 0xAAAAAAAAAAAAAAAAu;
    uint64_t escaped = *before;
    *before = 0;
    if (slashes) {
        uint64_t begins = slashes & ~escaped;
        uint64_t ends = (((begins << 1) | odd) - begins) ^ odd;
        escaped = ends ^ (slashes | escaped);
        *before = (ends & slashes) >> 63;
    }
    return escaped;
}

/* Keep of some bytes those that stand where they must not. */
static uint64_t bad_brackets(const Reader *reader, uint64_t opened)
{
    uint64_t bad = 0;
    for (; opened; opened &= opened - 1)
        if (is_trace(reader->data + reader->base + lowest(opened), reader->end))
            bad |= opened & -opened;
    return bad;
}

static uint64_t bad_controls(const Reader *reader, uint64_t controls)
{
    uint64_t bad = 0;
    for (; controls; controls &= controls - 1) {
        const uint8_t *at = reader->data + reader->base + lowest(controls);
        if (!(*at == '\r' && at + 1 < reader->end && at[1] == '\n'))
            bad |= controls & -controls;
    }
    return bad;
}

static uint64_t bad_escapes(const Reader *reader, uint64_t escaped)
{
    uint64_t bad = 0;
    for (; escaped; escaped &= escaped - 1) {
        const uint8_t *at = reader->data + reader->base + lowest(escaped);
        if (at >= reader->end || !is_escape(*at))
            bad |= escaped & -escaped;
    }
    return bad;
}

/* Look at the next block; returns 0 where there is none. */
static int go_on(Reader *reader)
{
    uint8_t rest[BLOCK];
    int64_t left = reader->end - reader->data - (reader->base + BLOCK);
    Masks masks;
    reader->is_wide |= reader->wide != 0;
    reader->wide = 0;
    if (left <= 0)
        return 0;
    reader->base += BLOCK;
    const uint8_t *at = reader->data + reader->base;
    uint64_t there = ~(uint64_t)0;
    if (left < BLOCK) {
        memset(rest, ' ', sizeof rest);
        memcpy(rest, at, (size_t)left);
        there = ((uint64_t)1 << left) - 1;
        reader->look_at(rest, &masks);
    } else {
        reader->look_at(at, &masks);
    }
    uint64_t escaped = escaped_in(masks.slashes, &reader->escaped) & there;
    uint64_t bad = masks.closed & (masks.letters_t << 1);
    if ((masks.closed & 1) && reader->base > 0 && at[-1] == 'T')
        bad |= 1;
    uint64_t rare = escaped & ~(masks.quotes | masks.slashes | masks.letters_n);
    if (rare)
        bad |= bad_escapes(reader, rare);
    if (masks.opened)
        bad |= bad_brackets(reader, masks.opened);
    if (masks.controls != masks.feeds)
        bad |= bad_controls(reader, masks.controls & ~masks.feeds);
    reader->wide = masks.wide;
    reader->events = (masks.quotes & ~escaped) | masks.feeds | bad;
    return 1;
}

/* The next byte that matters, or the end. */
static inline const uint8_t *next_event(Reader *reader)
{
    while (!reader->events)
        if (!go_on(reader))
            return reader->end;
    const uint8_t *at = reader->data + reader->base + lowest(reader->events);
    reader->events &= reader->events - 1;
    return at;
}

/* Whether there are letters beyond ASCII in the line that ends here; from here on those of the next one count. */
static int had_wide(Reader *reader, const uint8_t *at)
{
    int64_t place = at - reader->data - reader->base;
    uint64_t mine = place < BLOCK ? ((uint64_t)1 << place) - 1 : ~(uint64_t)0;
    int found = reader->is_wide || (reader->wide & mine);
    reader->is_wide = 0;
    reader->wide &= ~mine;
    return found;
}

#if defined(__SSE2__)
static uint64_t low_bytes(uint64_t word, int64_t count)
{
    return count >= 8 ? word : word & (((uint64_t)1 << 8 * count) - 1);
}
#endif

/* Put a gap between strings into a signature; 0 where something stands in it that must not. */
static inline int add_gap(uint64_t *signature, const uint8_t *at, const uint8_t *stop, const uint8_t *end)
{
    int64_t size = stop - at;
#if defined(__SSE2__)
    if (size <= 16 && end - at >= 16) {
        __m128i here = _mm_loadu_si128((const __m128i *)at);
        __m128i odd = _mm_cmplt_epi8(here, _mm_set1_epi8(' '));
        odd = _mm_or_si128(odd, _mm_cmpeq_epi8(here, _mm_set1_epi8(127)));
        odd = _mm_or_si128(odd, _mm_cmpeq_epi8(here, _mm_set1_epi8('\\')));
        odd = _mm_or_si128(odd, _mm_cmpeq_epi8(here, _mm_set1_epi8('-')));
        odd = _mm_or_si128(odd, _mm_and_si128(_mm_cmpgt_epi8(here, _mm_set1_epi8('0' - 1)),
                                              _mm_cmplt_epi8(here, _mm_set1_epi8('9' + 1))));
        if (!((unsigned)_mm_movemask_epi8(odd) & ((1u << size) - 1))) {
            uint64_t first = low_bytes(eight(at), size), rest = size > 8 ? low_bytes(eight(at + 8), size - 8) : 0;
            *signature = mixed(*signature ^ mixed(first ^ K2, rest ^ K0) ^ (uint64_t)size, K1);
            return 1;
        }
    }
#endif
    if (size > LONGEST_GAP)
        return 0;
    for (const uint8_t *letter = at; letter < stop; letter++) {
        if (*letter > 126 || *letter == '\\')
            return 0;
        if (*letter < 32 && *letter != '\t' && !(*letter == '\r' && letter + 1 < end && letter[1] == '\n'))
            return 0;
    }
    *signature = mixed(*signature ^ gap_hash(at, stop), K1);
    return 1;
}

/* How this library and native.py understand each other. */
PUBLIC int64_t lines_version(void)
{
    return 4;
}

/* Take lines apart: returns how many there are, or -1 where there is not enough room for what is found. */
PUBLIC int64_t lines_take_apart(const uint8_t *data, int64_t size, int64_t most_lines, int64_t most_strings,
                                int64_t *ends, int64_t *firsts, int64_t *counts, uint64_t *signatures,
                                uint8_t *is_good, int64_t *begins, int64_t *stops, uint64_t *hashes, uint8_t *is_open,
                                int64_t *strings_found)
{
    const uint8_t *end = data + size, *start = data;
    Reader reader = {data, end, -BLOCK, 0, 0, 0, 0, look_usually};
#if defined(WIDER)
    if (__builtin_cpu_supports("avx512bw"))
        reader.look_at = look_widest;
    else if (__builtin_cpu_supports("avx2"))
        reader.look_at = look_wider;
#endif
    int64_t lines = 0, strings = 0;
    for (; start < end; lines++) {
        const uint8_t *gap = start, *at;
        uint64_t signature = K0;
        int64_t first = strings;
        int good = 1, names_speaker = 0;
        if (lines == most_lines)
            return -1;
        while (good) {
            at = next_event(&reader);
            if (at < end && *at != '"' && *at != '\n')
                continue;
            good = add_gap(&signature, gap, at, end);
            if (!good || at == end || *at == '\n')
                break;
            const uint8_t *begin = at + 1, *stop = at = next_event(&reader);
            good = stop < end && *stop == '"';
            if (!good)
                break;
            if (strings == most_strings)
                return -1;
            int64_t letters = stop - begin;
            int is_key = stop + 1 < end && stop[1] == ':', is_text = !is_key && !names_speaker;
            uint64_t hash = hash_of(begin, letters);
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
            gap = stop + 1;
        }
        while (at < end && *at != '\n')
            at = next_event(&reader);
        const uint8_t *behind = at < end ? at + 1 : end;
        int is_wide = had_wide(&reader, at);
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

/* The hashes of what lines say, by the number of each one's pattern: see patterns.py, where numpy does the same. */
PUBLIC void lines_exact(int64_t lines, const int64_t *firsts, const int64_t *numbers, const uint64_t *hashes,
                        const uint64_t *frames, const int64_t *starts, const int64_t *counts, const int64_t *texts,
                        const uint64_t *weights, uint64_t *made)
{
    const uint64_t none = hash_of((const uint8_t *)"", 0);
    for (int64_t line = 0; line < lines; line++) {
        int64_t number = numbers[line];
        const int64_t *text = texts + starts[number];
        uint64_t sum = frames[number];
        for (int64_t place = 0; place < counts[number]; place++)
            sum += (text[place] < 0 ? none : hashes[firsts[line] + text[place]]) * weights[place];
        made[line] = sum;
    }
}
