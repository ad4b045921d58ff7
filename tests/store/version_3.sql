-- What schema 3 made of the two decisions of test_review_upgrade.py: `sqlite3 reviews.sqlite .dump`.
BEGIN TRANSACTION;
CREATE TABLE about (
    name VARCHAR(64) NOT NULL,
    value VARCHAR(255) NOT NULL,
    PRIMARY KEY (name)
);
INSERT INTO "about" VALUES('schema_version','3');
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('3');
CREATE TABLE decisions (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    split VARCHAR NOT NULL,
    "key" VARCHAR NOT NULL,
    given_label INTEGER NOT NULL,
    verification_label INTEGER NOT NULL,
    correct_label INTEGER NOT NULL,
    reviewer VARCHAR NOT NULL,
    time DATETIME NOT NULL,
    queue VARCHAR NOT NULL,
    inclusion_probability FLOAT,
    identity VARCHAR(32) NOT NULL, seconds FLOAT, is_bulk BOOLEAN DEFAULT 0 NOT NULL, model_quality FLOAT, model_suggestion INTEGER, client_id VARCHAR DEFAULT '' NOT NULL, undoes INTEGER,
    CONSTRAINT verification_label_values CHECK (verification_label IN (-1, 0, 1)),
    CONSTRAINT correct_label_values CHECK (correct_label >= -2),
    UNIQUE (identity)
);
INSERT INTO "decisions" VALUES(1,'train','a',3,0,7,'ann','2026-01-02 03:04:05.000678','random',0.25,'af4b',NULL,0,NULL,NULL,'',NULL);
INSERT INTO "decisions" VALUES(2,'train','b',3,1,-1,'import','2026-01-02 03:04:05.000678','import',NULL,'ad9cf6c3c267fd060acddf9f86b6e45b',NULL,0,NULL,NULL,'',NULL);
CREATE TABLE progress (
    given_label INTEGER NOT NULL,
    correct INTEGER NOT NULL,
    wrong INTEGER NOT NULL,
    unsure INTEGER NOT NULL,
    PRIMARY KEY (given_label)
);
INSERT INTO "progress" VALUES(3,1,1,0);
CREATE TABLE standing (
    split VARCHAR NOT NULL,
    "key" VARCHAR NOT NULL,
    decision_id INTEGER NOT NULL,
    given_label INTEGER NOT NULL,
    verification_label INTEGER NOT NULL,
    is_disputed BOOLEAN NOT NULL,
    PRIMARY KEY (split, "key")
);
INSERT INTO "standing" VALUES('train','a',1,3,0,0);
INSERT INTO "standing" VALUES('train','b',2,3,1,0);
CREATE INDEX decisions_by_sample ON decisions (split, "key", id);
CREATE UNIQUE INDEX decisions_undone_once ON decisions (undoes);
CREATE INDEX standing_disputed ON standing (decision_id) WHERE is_disputed = 1;
CREATE TRIGGER decisions_are_not_changed BEFORE UPDATE ON decisions BEGIN SELECT RAISE(ABORT, 'decisions are appended, never changed'); END;
CREATE TRIGGER decisions_are_not_deleted BEFORE DELETE ON decisions BEGIN SELECT RAISE(ABORT, 'decisions are appended, never deleted'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('decisions',2);
COMMIT;
