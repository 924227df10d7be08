/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A cursor over the text, and a date counted in days: whole years, their leap days, the months before, the day. */
#include "timestamp.h"

#define SECOND UINT64_C(1000000000)

enum { DAY_SECONDS = 86400, DECIMALS = 9 };

struct timestamp {
    const char *at, *end;
    bool good;
};

static bool timestamp_take(struct timestamp *text, char byte) {
    bool found = text->at < text->end && *text->at == byte;
    text->at += found;
    return found;
}

static void timestamp_expect(struct timestamp *text, char byte) {
    text->good = timestamp_take(text, byte) && text->good;
}

static bool timestamp_digit(struct timestamp *text, uint64_t *digit) {
    bool found = text->at < text->end && *text->at >= '0' && *text->at <= '9';
    if (found) {
        *digit = (uint64_t)(*text->at++ - '0');
    }
    return found;
}

/* A number of exactly so many digits, in a range. */
static uint64_t timestamp_number(struct timestamp *text, int digits, uint64_t least, uint64_t most) {
    uint64_t number = 0, digit = 0;
    for (int i = 0; i < digits; i++) {
        text->good = timestamp_digit(text, &digit) && text->good;
        number = number * 10 + digit;
    }
    text->good = text->good && number >= least && number <= most;
    return number;
}

/* ".0913569" in ns; 0 when there is none. */
static uint64_t timestamp_fraction(struct timestamp *text) {
    uint64_t ns = 0, digit, unit = SECOND;
    if (!timestamp_take(text, '.')) {
        return 0;
    }
    text->good = text->good && text->at < text->end && *text->at >= '0' && *text->at <= '9';
    for (int i = 0; timestamp_digit(text, &digit); i++) {
        unit /= 10;
        ns += i < DECIMALS ? digit * unit : 0;
    }
    return ns;
}

static bool timestamp_is_leap(uint64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

static uint64_t timestamp_days_before(uint64_t year) {
    uint64_t past = year - 1;
    return past * 365 + past / 4 - past / 100 + past / 400;
}

static uint64_t timestamp_date(struct timestamp *text) {
    static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    uint64_t year = timestamp_number(text, 4, 1970, 2500);
    timestamp_expect(text, '-');
    uint64_t month = timestamp_number(text, 2, 1, 12);
    timestamp_expect(text, '-');
    if (!text->good) {
        return 0;
    }
    uint64_t leap = month == 2 && timestamp_is_leap(year);
    uint64_t day = timestamp_number(text, 2, 1, (uint64_t)(before[month] - before[month - 1]) + leap);
    uint64_t passed = month > 2 && timestamp_is_leap(year);
    return timestamp_days_before(year) - timestamp_days_before(1970) + before[month - 1] + passed + day - 1;
}

static uint64_t timestamp_time_of_day(struct timestamp *text) {
    uint64_t hours = timestamp_number(text, 2, 0, 23);
    timestamp_expect(text, ':');
    uint64_t minutes = timestamp_number(text, 2, 0, 59);
    timestamp_expect(text, ':');
    return (hours * 60 + minutes) * 60 + timestamp_number(text, 2, 0, 60);
}

/* "Z", "+01:00" or nothing: seconds to take off. */
static int64_t timestamp_offset(struct timestamp *text) {
    bool ahead = timestamp_take(text, '+');
    if (!ahead && !timestamp_take(text, '-')) {
        timestamp_take(text, 'Z');
        return 0;
    }
    uint64_t hours = timestamp_number(text, 2, 0, 14);
    timestamp_expect(text, ':');
    int64_t seconds = (int64_t)((hours * 60 + timestamp_number(text, 2, 0, 59)) * 60);
    return ahead ? seconds : -seconds;
}

static uint64_t timestamp_calendar(struct timestamp *text) {
    uint64_t seconds = timestamp_date(text) * DAY_SECONDS;
    if (!timestamp_take(text, 'T')) {
        timestamp_expect(text, ' ');
    }
    seconds += timestamp_time_of_day(text);
    uint64_t ns = timestamp_fraction(text);
    int64_t offset = timestamp_offset(text);
    text->good = text->good && (int64_t)seconds >= offset;
    return (uint64_t)((int64_t)seconds - offset) * SECOND + ns;
}

static uint64_t timestamp_seconds(struct timestamp *text) {
    uint64_t seconds = 0, digit;
    text->good = text->at < text->end && *text->at != '.';
    while (timestamp_digit(text, &digit)) {
        seconds = seconds * 10 + digit;
        text->good = text->good && seconds < UINT64_MAX / SECOND / 10;
    }
    return seconds * SECOND + timestamp_fraction(text);
}

bool timestamp_read(const char *text, size_t size, uint64_t *ns) {
    struct timestamp cursor = {text, text + size, true};
    *ns = size > 4 && text[4] == '-' ? timestamp_calendar(&cursor) : timestamp_seconds(&cursor);
    return cursor.good && cursor.at == cursor.end;
}
